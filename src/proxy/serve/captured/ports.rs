//! Ports of one loopback interface that are reached at the other: the host's inside, and the
//! command's outside.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use bytes::Bytes;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::isolate::Connector;
use crate::proxy::limits::ACCEPT_PAUSE;
use crate::proxy::serve::tunnel;

/// Which way.
#[derive(Clone, Debug)]
pub(super) enum Way {
    /// To this machine's loopback interface.
    Out,
    /// To the command's.
    In(Arc<Connector>),
}

/// Relays each connection to that port of the other side.
pub(super) async fn serve(listener: TcpListener, port: u16, way: Way, open: Arc<Semaphore>) {
    loop {
        let Ok(permit) = Arc::clone(&open).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((client, _)) => {
                let way = way.clone();
                tokio::spawn(async move {
                    let _ = client.set_nodelay(true);
                    if let Ok(server) = connect(port, &way).await {
                        tunnel::between(client, Bytes::new(), server, &[]).await;
                    }
                    drop(permit);
                });
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn connect(port: u16, way: &Way) -> io::Result<TcpStream> {
    let stream = match way {
        Way::Out => match TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
            Ok(stream) => stream,
            Err(_) => TcpStream::connect((Ipv6Addr::LOCALHOST, port)).await?,
        },
        Way::In(connector) => {
            let connector = Arc::clone(connector);
            // In a task of its own, which nobody cancels.
            let asking = tokio::spawn(async move { connector.connect(port).await });
            let stream = asking.await.map_err(io::Error::other)??;
            stream.set_nonblocking(true)?;
            TcpStream::from_std(stream)?
        }
    };
    let _ = stream.set_nodelay(true);
    Ok(stream)
}
