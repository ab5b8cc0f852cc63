//! A TLS server whose every byte is decided by the cell that is asked for by name.

use std::collections::{HashMap, VecDeque};
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use authsome_test_support::Identity;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::bodies::Bodies;
use crate::cell::{Cell, ServerKind};
use crate::scene::Scene;

mod http1;
mod http2;

/// Two ports, one for each kind, and the names that cells have there.
pub(crate) struct Server {
    pub(crate) ca_pem: String,
    ports: [u16; 2],
    stage: Arc<Stage>,
    places: Arc<Semaphore>,
    bodies: Arc<Bodies>,
}

/// What is asked for under which name.
#[derive(Default)]
struct Stage {
    scenes: Mutex<Scenes>,
    free: Mutex<VecDeque<usize>>,
}

type Scenes = HashMap<String, (Arc<Scene>, Option<Script>)>;

/// What a server does with a connection, where it is no cell that says so.
pub(crate) type Script = Arc<dyn Fn(ServerStream) -> Serving + Send + Sync>;

/// A connection that is served.
pub(crate) type Serving = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The server's side of a connection.
pub(crate) type ServerStream = TlsStream<TcpStream>;

/// A name at the server, for as long as a cell runs.
pub(crate) struct Place {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) scene: Arc<Scene>,
    pub(crate) bodies: Arc<Bodies>,
    number: usize,
    stage: Arc<Stage>,
    _permit: OwnedSemaphorePermit,
}

impl Server {
    /// Starts both.
    pub(crate) async fn start() -> std::io::Result<Self> {
        let identity = Identity::generate(false).map_err(std::io::Error::other)?;
        let stage = Arc::new(Stage::default());
        stage.lock_free().extend(0..NAMES);
        let mut ports = [0; 2];
        for (port, kind) in ports.iter_mut().zip([ServerKind::H1, ServerKind::H2]) {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            *port = listener.local_addr()?.port();
            let mut config = identity.config.as_ref().clone();
            if kind == ServerKind::H1 {
                config.alpn_protocols = vec![b"http/1.1".to_vec()];
            }
            let acceptor = TlsAcceptor::from(Arc::new(config));
            tokio::spawn(accept(listener, acceptor, Arc::clone(&stage)));
        }
        Ok(Self {
            ca_pem: identity.ca_pem,
            ports,
            stage,
            places: Arc::new(Semaphore::new(NAMES)),
            bodies: Arc::new(Bodies::new()?),
        })
    }

    pub(crate) fn port(&self, kind: ServerKind) -> u16 {
        self.ports[usize::from(kind == ServerKind::H2)]
    }

    /// Every name and port.
    pub(crate) fn authorities(&self) -> impl Iterator<Item = (String, u16)> {
        let ports = self.ports;
        (0..NAMES).flat_map(move |number| ports.map(|port| (name(number), port)))
    }

    /// A name that nobody else has: behind a proxy, its connections are this cell's own.
    pub(crate) async fn place(&self, cell: Cell) -> Arc<Place> {
        self.open(Scene::new(cell), cell.server, None).await
    }

    /// The same where a script says what the server does.
    pub(crate) async fn scripted(&self, kind: ServerKind, script: Script) -> Arc<Place> {
        self.open(Scene::new(Cell::NONE), kind, Some(script)).await
    }

    async fn open(&self, scene: Scene, kind: ServerKind, script: Option<Script>) -> Arc<Place> {
        let permit = Arc::clone(&self.places)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        let number = self
            .stage
            .lock_free()
            .pop_front()
            .expect("one name for each permit");
        let (host, scene) = (name(number), Arc::new(scene));
        self.stage
            .lock_scenes()
            .insert(host.clone(), (Arc::clone(&scene), script));
        let port = self.port(kind);
        Arc::new(Place {
            host,
            port,
            scene,
            bodies: Arc::clone(&self.bodies),
            number,
            stage: Arc::clone(&self.stage),
            _permit: permit,
        })
    }
}

impl Stage {
    fn lock_scenes(&self) -> MutexGuard<'_, Scenes> {
        self.scenes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_free(&self) -> MutexGuard<'_, VecDeque<usize>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    pub(crate) fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl Drop for Place {
    /// Its connections are closed, and the name is the last that is given out again.
    fn drop(&mut self) {
        self.scene.finish();
        self.stage.lock_scenes().remove(&self.host);
        self.stage.lock_free().push_back(self.number);
    }
}

fn name(number: usize) -> String {
    format!("m{number}.gitlab.test")
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, stage: Arc<Stage>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (acceptor, stage) = (acceptor.clone(), Arc::clone(&stage));
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true); // a socket that is gone fails later
            let handshake = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream));
            if let Ok(Ok(stream)) = handshake.await {
                serve(stream, &stage).await;
            }
        });
    }
}

async fn serve(stream: TlsStream<TcpStream>, stage: &Stage) {
    let tls = stream.get_ref().1;
    let is_http2 = tls.alpn_protocol() == Some(b"h2");
    let name = tls.server_name().unwrap_or_default().to_owned();
    let Some((scene, script)) = stage.lock_scenes().get(&name).cloned() else {
        return;
    };
    tokio::select! {
        () = scene.finished() => {}
        () = async {
            if let Some(script) = script {
                script(stream).await;
            } else if is_http2 {
                http2::serve(stream, &scene).await;
            } else {
                http1::serve(stream, &scene).await;
            }
        } => {}
    }
}

/// The bytes of a response's body. No secret begins like them in any form: what could go on as one
/// is kept back until more of the body comes.
pub(crate) const RESPONSE: &[u8] = &[b'.'; 20_000];

/// Before a server breaks off what it has begun: what it sent shall be there first.
const BREATH: Duration = Duration::from_millis(150);

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(30);

/// Between two attempts to accept where there are no descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Names: more than cells run at a time by far, so that one is free for a while before it is given
/// out again.
const NAMES: usize = 256;
