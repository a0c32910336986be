//! Connections that this program opens: to the model, and as a caller to an engine.

use actix_tls::connect::{ConnectError, ConnectInfo, Connection};
use actix_web::dev::Service as _;
use awc::http::Uri;
use tokio::net::TcpStream;

/// Resolves a host and connects to it, for an awc `Connector`. What is written leaves at once:
/// otherwise the end of a question, or a prompt behind other frames, would wait up to 40 ms for the
/// acknowledgement of what went before (Nagle's algorithm against delayed ACKs, RFC 1122, 4.2.3).
///
/// # Errors
///
/// When the host is not found or does not accept, and when the socket cannot be set up.
pub async fn connect(info: ConnectInfo<Uri>) -> Result<Connection<Uri, TcpStream>, ConnectError> {
    let connecting = actix_tls::connect::Connector::default().service();
    let connection = connecting.call(info).await?;
    connection.io_ref().set_nodelay(true).map_err(ConnectError::Io)?;
    Ok(connection)
}
