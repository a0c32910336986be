//! Live calls: what the engine does to one when its socket is gone.

use std::time::Duration;

use super::{Place, Rest, RestError};

impl Rest {
    /// Gives a live call another document, in place of whatever it is doing.
    ///
    /// # Errors
    /// When Twilio does not take it in time; a call that is over is refused with 21220.
    pub async fn redirect_call(
        &self,
        call: &str,
        twiml: &str,
        within: Duration,
    ) -> Result<(), RestError> {
        let place = Place::core("calls", &["Calls"]).item(call);
        let fields = [("Twiml".to_owned(), twiml.to_owned())];
        self.update(&place, &fields, within).await.map(|_| ())
    }

    /// Whether the credentials are right: reads the account.
    ///
    /// # Errors
    /// When Twilio refuses them or cannot be asked in time.
    pub async fn check_account(&self, within: Duration) -> Result<(), RestError> {
        self.read(&Place::core("accounts", &[]), within).await.map(|_| ())
    }
}
