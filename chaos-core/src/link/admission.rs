//! From the door to a connection: accepting, dialling the upstream, and forwarding to the end.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use super::connection::{Ending, OpenConnection};
use super::finale::Finale;
use super::forward::{Delivered, Forward};
use super::registration::Registration;
use super::socket::Socket;
use super::tcp::TcpLink;
use super::timer::Alarm;
use crate::event::ConnectionEnd;
use crate::wire::postgres::{self, Session};

/// How long accepting rests after an error such as "too many open files".
const REST: Duration = Duration::from_millis(20);

/// Accepts connections until the link is closed.
pub(super) async fn accept_all(link: Arc<TcpLink>) {
    let mut alarm = Alarm::new(link.runtime().timer());
    let mut failing = false;
    while let Some(accepted) = poll_fn(|cx| link.door().poll_accept(cx)).await {
        match accepted {
            Ok(stream) => {
                failing = false;
                admit(&link, stream);
            }
            Err(error) => {
                // Said once, and not 50 times a second.
                if !std::mem::replace(&mut failing, true) {
                    note_failure(&link, &error);
                }
                alarm.wait_until(Instant::now() + REST).await;
            }
        }
    }
}

/// Serves a connection that was accepted in passing. The caller stands in the context of the runtime.
pub(super) fn admit_std(link: &Arc<TcpLink>, stream: std::net::TcpStream) {
    match stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream)) {
        Ok(stream) => admit(link, stream),
        Err(error) => note_failure(link, &error),
    }
}

fn note_failure(link: &TcpLink, error: &io::Error) {
    link.note(format!("link `{}` failed to accept a connection: {error}", link.name()));
}

fn admit(link: &Arc<TcpLink>, stream: TcpStream) {
    // It fails for a client that is gone already, which is seen when its stream is read.
    let _gone = stream.set_nodelay(true);
    if link.reads_messages() {
        link.runtime().handle().spawn(greet(Arc::clone(link), stream));
    } else if let Some(connection) = link.register() {
        link.runtime().handle().spawn(serve(Arc::clone(link), connection, Socket::Tcp(stream)));
    }
}

/// Tells a client from a request to cancel, which comes on a connection of its own and counts as
/// none: so the numbers of connections do not depend on it.
async fn greet(link: Arc<TcpLink>, stream: TcpStream) {
    #[cfg(feature = "tls")]
    if let Some(certificate) = link.certificate() {
        greet_with(&certificate, link, stream).await;
        return;
    }
    let mut first = [0; 8];
    let connection = tokio::select! {
        // A client of PostgreSQL speaks first. One that sends less at once is no such request.
        peeked = stream.peek(&mut first) => match peeked {
            Ok(length) if postgres::is_cancel_request(&first[..length]) => link.register_aside(),
            _ => link.register(),
        },
        () = link.closed() => None,
    };
    if let Some(connection) = connection {
        serve(link, connection, Socket::Tcp(stream)).await;
    }
}

/// The same at a link that speaks TLS in the server's place. A client whose handshake fails counts as
/// no connection.
#[cfg(feature = "tls")]
async fn greet_with(certificate: &super::tls::Certificate, link: Arc<TcpLink>, stream: TcpStream) {
    let greeted = tokio::select! {
        greeted = super::tls::greet(certificate, stream) => greeted,
        () = link.closed() => return,
    };
    let secured = match greeted {
        Ok(secured) => secured,
        Err(error) => {
            link.note(format!("a client of link `{}` got no TLS: {error}", link.name()));
            return;
        }
    };
    let connection = if postgres::is_cancel_request(secured.first()) {
        link.register_aside()
    } else {
        link.register()
    };
    if let Some(connection) = connection {
        serve(link, connection, Socket::Secured(secured)).await;
    }
}

/// Serves a connection that came through the door, from its beginning to its end.
async fn serve(link: Arc<TcpLink>, connection: Arc<OpenConnection>, client: Socket) {
    let _registration = Registration::new(&link, &connection);
    match dial(&link, &connection).await {
        Ok(Ok(server)) => {
            let session = link.session(&connection);
            carry(link, connection, client, server, Delivered::default(), session).await;
        }
        Ok(Err(error)) => {
            note_unreachable(&link, &connection, &error);
            let finale = Finale::without_traffic(ConnectionEnd::Unreachable);
            end_undialled(link, connection, client, finale).await;
        }
        Err(ending) => {
            end_undialled(link, connection, client, Finale::from_ending(ending)).await;
        }
    }
}

/// Forwards a connection until it ends.
async fn carry(
    link: Arc<TcpLink>,
    connection: Arc<OpenConnection>,
    client: Socket,
    server: Socket,
    delivered: Delivered,
    session: Option<Box<Session>>,
) {
    let mut forward = Forward::new(&link, &connection, client, server, delivered, session);
    let finale = poll_fn(|cx| forward.poll(cx)).await;
    link.deregister(&connection, &finale);
    let (client, server) = forward.into_sockets();
    finale.close(client, Some(server), link.runtime()).await;
}

/// Ends a connection before its server was reached.
pub(super) async fn end_undialled(
    link: Arc<TcpLink>,
    connection: Arc<OpenConnection>,
    client: Socket,
    finale: Finale,
) {
    link.deregister(&connection, &finale);
    finale.close(client, None, link.runtime()).await;
}

/// Goes on with a connection that its client used without the link's thread until now.
pub(super) fn take_over(
    link: &Arc<TcpLink>,
    connection: &Arc<OpenConnection>,
    client: Socket,
    server: Socket,
    delivered: Delivered,
    session: Option<Box<Session>>,
) {
    let runtime = link.runtime().handle();
    let server = server.move_to(runtime);
    let (link, connection) = (Arc::clone(link), Arc::clone(connection));
    let registration = Registration::new(&link, &connection);
    runtime.spawn(async move {
        let _registration = registration;
        match server {
            Ok(server) => carry(link, connection, client, server, delivered, session).await,
            Err(error) => {
                note_unreachable(&link, &connection, &error);
                let finale = Finale::without_traffic(ConnectionEnd::Unreachable);
                end_undialled(link, connection, client, finale).await;
            }
        }
    });
}

pub(super) fn note_unreachable(link: &TcpLink, connection: &OpenConnection, error: &io::Error) {
    link.note(format!(
        "link `{}` failed to reach {} for connection {}: {error}",
        link.name(),
        link.upstream(),
        connection.ordinal()
    ));
}

/// Dials the upstream, unless the connection is to end before that is done.
pub(super) async fn dial(
    link: &TcpLink,
    connection: &OpenConnection,
) -> Result<io::Result<Socket>, Ending> {
    let mut dialled = pin!(Socket::dial(link.upstream()));
    poll_fn(|cx| {
        connection.watch(cx.waker());
        if let Some(ending) = connection.ending() {
            return Poll::Ready(Err(ending));
        }
        dialled.as_mut().poll(cx).map(Ok)
    })
    .await
}
