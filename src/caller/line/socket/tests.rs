use std::{
    cell::RefCell,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use awc::error::WsProtocolError;
use futures_util::{Sink, Stream};

use super::*;

/// A socket on which nothing comes, and whose other end is there or not.
struct Pipe {
    broken: bool,
    sent: Rc<RefCell<Vec<Message>>>,
}

impl Stream for Pipe {
    type Item = Result<Frame, WsProtocolError>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Pending
    }
}

impl Sink<Message> for Pipe {
    type Error = WsProtocolError;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Self::Error> {
        self.sent.borrow_mut().push(message);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let broken = || WsProtocolError::Io(io::ErrorKind::BrokenPipe.into());
        Poll::Ready(if self.broken { Err(broken()) } else { Ok(()) })
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }
}

#[actix_web::test]
async fn what_a_broken_socket_does_not_take_waits_for_the_next_one() {
    for (agreed, waits) in [(true, 2), (false, 0)] {
        let sent = Rc::new(RefCell::new(Vec::new()));
        let pipe = |broken| Box::new(Pipe { broken, sent: Rc::clone(&sent) });
        let mut socket = Socket::default();
        socket.put(pipe(true));
        for event in ["words", "more"] {
            assert!(socket.send(event.to_owned(), agreed).await.is_err());
        }
        assert_eq!(sent.borrow().len(), 1, "it is not tried again");
        sent.borrow_mut().clear();
        socket.put(pipe(false));
        assert_eq!(socket.replay(Replay::Once).await.map_err(|lost| lost.reason), Ok(waits));
        assert_eq!(sent.borrow().len(), waits);
        assert_eq!(socket.replay(Replay::Once).await.map_err(|lost| lost.reason), Ok(0));
    }
}
