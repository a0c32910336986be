//! STUB
use std::fmt;
use switchhook_actors::domain::{
    ids::{CallSid, Epoch},
    transcript::Role,
};
#[derive(Clone, Debug)]
pub struct Vault;
#[derive(Clone, Debug)]
pub struct CallKey;
pub enum Place {
    Record(CallSid),
    Turn { sid: CallSid, epoch: Epoch, seq: u64, role: Role },
    Reply { sid: CallSid, key: String },
    Late { sid: CallSid, epoch: Epoch, seq: u64 },
}
#[derive(Debug)]
pub struct SealError;
impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sealed")
    }
}
impl Vault {
    pub fn new(_: &[crate::config::Key]) -> Self {
        Self
    }
    pub fn fresh(&self, _: CallSid) -> (CallKey, Vec<u8>) {
        (CallKey, Vec::new())
    }
    pub fn unwrap(&self, _: CallSid, _: &[u8]) -> Result<CallKey, SealError> {
        Ok(CallKey)
    }
    pub fn rewrap(&self, _: CallSid, _: &[u8]) -> Result<Option<Vec<u8>>, SealError> {
        Ok(None)
    }
    pub fn caller_names(&self, n: &str) -> Vec<String> {
        vec![n.to_owned()]
    }
}
impl CallKey {
    pub fn seal(&self, _: &Place, plain: &[u8]) -> Vec<u8> {
        plain.to_vec()
    }
    pub fn open(&self, _: &Place, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        Ok(sealed.to_vec())
    }
}
