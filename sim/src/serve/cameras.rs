//! The line's cameras behind HTTP: scenes in, JPEG frames out; and the buttons of the simulated
//! machine.
//!
//! | request | answer |
//! |---|---|
//! | `GET /camera/{id}` | endless `multipart/x-mixed-replace`; each part is a JPEG file with its trigger, camera and encoder count |
//! | `GET /camera/{id}/latest.jpg` | the last frame; 404 before the first |
//! | `GET /truth` | what the plant says about itself, JSON |
//! | `POST /belt/stop`, `POST /belt/start` | a person at the machine presses the belt's button; 204 |
//!
//! Every camera has one thread that draws. Nothing waits for a slow reader or a slow camera: a
//! full queue forgets its oldest entry. The server ends when the plant closes the channel of
//! scenes, or by [`Cameras::stop`]; then every stream ends, too.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use sortline_core::{CameraId, Ticks, TriggerId};
use tokio::net::TcpListener;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::render::{Gray, RenderError, Renderer, Scene, Tier, View};

/// Scenes that wait for a camera's thread: at 1.5 m/s parcels are at least 300 ms apart, so a
/// camera that is four behind delivers too late anyway.
const SCENES_MAX: usize = 4;
/// Frames that wait for a reader of a stream.
const FRAMES_MAX: usize = 8;
/// Streams that one camera serves at a time: the controller, a dashboard, a person looking.
const STREAMS_MAX: usize = 8;
/// Separates the parts of a stream.
const BOUNDARY: &str = "sortline-frame";

/// What a camera suffers from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CameraFault {
    /// Nothing.
    #[default]
    None,
    /// It sends its last picture again and again, under new trigger numbers.
    Freeze,
    /// Its pictures are black.
    Black,
    /// The connection stays, but no frame comes.
    Stall,
    /// It hangs up, and answers 503 to whoever connects.
    Drop,
}

/// How the cameras are set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// The cameras of the line.
    pub cameras: Vec<CameraId>,
    /// Size and scale of their frames.
    pub view: View,
    /// State of print, light and lens.
    pub tier: Tier,
    /// Seed of everything random in the frames.
    pub seed: u64,
    /// The faults; a camera that is not named has none. Read again at every scene.
    pub faults: watch::Receiver<BTreeMap<CameraId, CameraFault>>,
    /// What the belt's buttons say: true when the belt may run.
    pub belt: watch::Sender<bool>,
}

/// Why the cameras cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum CameraError {
    /// The renderer cannot start.
    #[error("the renderer of the simulated cameras cannot start")]
    Render(#[source] RenderError),
    /// The socket failed.
    #[error("the socket of the simulated cameras failed")]
    Socket(#[source] std::io::Error),
    /// A thread of the server is gone.
    #[error("a thread of the simulated cameras ended early")]
    Thread(#[source] tokio::task::JoinError),
}

/// The running cameras.
#[derive(Debug)]
pub struct Cameras {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    server: JoinHandle<std::io::Result<()>>,
}

impl Cameras {
    /// Where they listen.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends all streams and waits until the server is down.
    ///
    /// # Errors
    /// [`CameraError::Socket`] or [`CameraError::Thread`] when the server had failed before.
    pub async fn stop(self) -> Result<(), CameraError> {
        drop(self.stop);
        self.server
            .await
            .map_err(CameraError::Thread)?
            .map_err(CameraError::Socket)
    }
}

/// A frame on its way to readers.
#[derive(Clone, Debug)]
struct Sent {
    camera: CameraId,
    trigger: TriggerId,
    ticks: Ticks,
    jpeg: Bytes,
}

impl Sent {
    /// One part of a multipart stream.
    fn part(&self) -> Bytes {
        let head = format!(
            "--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\
             X-Sortline-Trigger: {}\r\nX-Sortline-Camera: {}\r\nX-Sortline-Ticks: {}\r\n\r\n",
            self.jpeg.len(),
            self.trigger,
            self.camera,
            self.ticks.0,
        );
        [head.as_bytes(), &self.jpeg, b"\r\n"].concat().into()
    }
}

/// The ends of one camera that requests read from.
#[derive(Debug)]
struct Outlet {
    frames: broadcast::WeakSender<Sent>,
    latest: watch::Receiver<Option<Sent>>,
    fault: watch::Receiver<CameraFault>,
}

/// What every request sees.
#[derive(Debug)]
struct Site {
    outlets: BTreeMap<CameraId, Outlet>,
    truth: watch::Receiver<String>,
    belt: watch::Sender<bool>,
}

/// Serves the cameras of `options` on `listener`. Scenes of other cameras are ignored.
///
/// # Errors
/// [`CameraError::Render`] when a font is missing, [`CameraError::Socket`] when the listener has no
/// address.
pub async fn serve_cameras(
    listener: TcpListener,
    scenes: mpsc::Receiver<Scene>,
    options: Options,
    truth: watch::Receiver<String>,
) -> Result<Cameras, CameraError> {
    let address = listener.local_addr().map_err(CameraError::Socket)?;
    let renderer = tokio::task::spawn_blocking(Renderer::new)
        .await
        .map_err(CameraError::Thread)?
        .map_err(CameraError::Render)?;
    let renderer = Arc::new(renderer);
    let mut outlets = BTreeMap::new();
    let mut inlets = BTreeMap::new();
    for &camera in &options.cameras {
        let (inlet, outlet) = start_camera(camera, Arc::clone(&renderer), &options);
        inlets.insert(camera, inlet);
        outlets.insert(camera, outlet);
    }
    let (stop, stopped) = oneshot::channel();
    let dispatch = tokio::spawn(dispatch(scenes, inlets, options.faults, stopped));
    let app = Router::new()
        .route("/camera/{id}", get(stream))
        .route("/camera/{id}/latest.jpg", get(latest))
        .route(
            "/truth",
            get(|State(site): State<Arc<Site>>| async move { truth_of(&site) }),
        )
        .route("/belt/{button}", post(press))
        .with_state(Arc::new(Site {
            outlets,
            truth,
            belt: options.belt,
        }));
    let ended = async move {
        if let Err(error) = dispatch.await {
            tracing::error!(%error, "dispatch of camera scenes failed");
        }
    };
    let server = tokio::spawn(
        axum::serve(listener, app)
            .with_graceful_shutdown(ended)
            .into_future(),
    );
    Ok(Cameras {
        address,
        stop,
        server,
    })
}

/// A button of the belt.
async fn press(State(site): State<Arc<Site>>, Path(button): Path<String>) -> StatusCode {
    let runs = match button.as_str() {
        "start" => true,
        "stop" => false,
        _ => return StatusCode::NOT_FOUND,
    };
    site.belt.send_replace(runs);
    StatusCode::NO_CONTENT
}

/// The ends of one camera that the dispatcher writes to.
#[derive(Debug)]
struct Inlet {
    scenes: broadcast::Sender<Arc<Scene>>,
    fault: watch::Sender<CameraFault>,
}

fn start_camera(camera: CameraId, renderer: Arc<Renderer>, options: &Options) -> (Inlet, Outlet) {
    let (scenes, waiting) = broadcast::channel(SCENES_MAX);
    let (frames, _) = broadcast::channel(FRAMES_MAX);
    let (show, latest) = watch::channel(None);
    let (set_fault, fault) = watch::channel(CameraFault::None);
    let outlet = Outlet {
        frames: frames.downgrade(),
        latest,
        fault: fault.clone(),
    };
    let Options {
        view, tier, seed, ..
    } = *options;
    let studio = Studio {
        camera,
        renderer,
        view,
        tier,
        seed,
        fault,
        frames,
        show,
    };
    // The thread ends when the dispatcher drops its end of the scenes.
    drop(tokio::task::spawn_blocking(move || studio.run(waiting)));
    (
        Inlet {
            scenes,
            fault: set_fault,
        },
        outlet,
    )
}

/// Hands each scene to its camera until the plant or the server stops.
async fn dispatch(
    mut scenes: mpsc::Receiver<Scene>,
    inlets: BTreeMap<CameraId, Inlet>,
    mut faults: watch::Receiver<BTreeMap<CameraId, CameraFault>>,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut watched = true;
    loop {
        tokio::select! {
            biased;
            _ = &mut stopped => return,
            changed = faults.changed(), if watched => {
                watched = changed.is_ok();
                set_faults(&inlets, &faults);
            }
            scene = scenes.recv() => {
                let Some(scene) = scene else { return };
                set_faults(&inlets, &faults);
                if let Some(inlet) = inlets.get(&scene.camera)
                    && inlet.scenes.send(Arc::new(scene)).is_err()
                {
                    tracing::error!("a camera's thread has ended");
                }
            }
        }
    }
}

fn set_faults(
    inlets: &BTreeMap<CameraId, Inlet>,
    faults: &watch::Receiver<BTreeMap<CameraId, CameraFault>>,
) {
    let faults = faults.borrow();
    for (camera, inlet) in inlets {
        let fault = faults.get(camera).copied().unwrap_or_default();
        inlet
            .fault
            .send_if_modified(|known| std::mem::replace(known, fault) != fault);
    }
}

/// One camera's thread.
struct Studio {
    camera: CameraId,
    renderer: Arc<Renderer>,
    view: View,
    tier: Tier,
    seed: u64,
    fault: watch::Receiver<CameraFault>,
    frames: broadcast::Sender<Sent>,
    show: watch::Sender<Option<Sent>>,
}

impl Studio {
    fn run(self, mut scenes: broadcast::Receiver<Arc<Scene>>) {
        loop {
            match scenes.blocking_recv() {
                Ok(scene) => self.take(&scene),
                Err(RecvError::Lagged(missed)) => {
                    tracing::warn!(camera = %self.camera, missed, "camera is too slow");
                }
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn take(&self, scene: &Scene) {
        let last = self.show.borrow().as_ref().map(|sent| sent.jpeg.clone());
        let fault = *self.fault.borrow();
        let jpeg = match (fault, last) {
            (CameraFault::Stall | CameraFault::Drop, _) => return,
            (CameraFault::Black, _) => {
                let View { width, height, .. } = self.view;
                Gray {
                    width,
                    height,
                    pixels: vec![0; width * height],
                }
                .jpeg()
                .map(Bytes::from)
            }
            (CameraFault::Freeze, Some(last)) => Ok(last),
            (CameraFault::Freeze | CameraFault::None, _) => self.photograph(scene),
        };
        let (camera, trigger, ticks) = (self.camera, scene.trigger, scene.ticks);
        match jpeg {
            Ok(jpeg) => {
                let sent = Sent {
                    camera,
                    trigger,
                    ticks,
                    jpeg,
                };
                self.show.send_replace(Some(sent.clone()));
                // An error means that nobody is watching.
                drop(self.frames.send(sent));
            }
            Err(error) => tracing::error!(%camera, %trigger, %error, "frame not drawn"),
        }
    }

    fn photograph(&self, scene: &Scene) -> Result<Bytes, RenderError> {
        let picture = self
            .renderer
            .scene(scene, self.view, self.tier, self.seed)?;
        Ok(picture.frame.jpeg()?.into())
    }
}

/// Why a request is refused.
type Refusal = (StatusCode, &'static str);

fn outlet(site: &Site, id: u8) -> Result<&Outlet, Refusal> {
    let outlet = site
        .outlets
        .get(&CameraId(id))
        .ok_or((StatusCode::NOT_FOUND, "there is no such camera\n"))?;
    if *outlet.fault.borrow() == CameraFault::Drop {
        return Err((StatusCode::SERVICE_UNAVAILABLE, "the camera is down\n"));
    }
    Ok(outlet)
}

async fn stream(State(site): State<Arc<Site>>, Path(id): Path<u8>) -> Response {
    let outlet = match outlet(&site, id) {
        Ok(outlet) => outlet,
        Err(refusal) => return refusal.into_response(),
    };
    let Some(frames) = outlet.frames.upgrade() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "the camera is shut down\n").into_response();
    };
    if frames.receiver_count() >= STREAMS_MAX {
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            "too many streams of this camera\n",
        )
            .into_response();
    }
    let ends = (frames.subscribe(), outlet.fault.clone());
    let parts = futures_util::stream::unfold(ends, |(mut frames, mut fault)| async move {
        let part = next_part(&mut frames, &mut fault).await?;
        Some((Ok::<_, Infallible>(part), (frames, fault)))
    });
    let kind = format!("multipart/x-mixed-replace; boundary={BOUNDARY}");
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (headers, Body::from_stream(parts)).into_response()
}

/// The next frame as a part; none when the camera hangs up or the server ends.
async fn next_part(
    frames: &mut broadcast::Receiver<Sent>,
    fault: &mut watch::Receiver<CameraFault>,
) -> Option<Bytes> {
    loop {
        tokio::select! {
            dropped = fault.wait_for(|fault| *fault == CameraFault::Drop) => {
                // An error means that the dispatcher is gone: the frames end, too.
                if dropped.is_ok() {
                    return None;
                }
                return match frames.try_recv() {
                    Ok(sent) => Some(sent.part()),
                    Err(_ended) => None,
                };
            }
            frame = frames.recv() => match frame {
                Ok(sent) => return Some(sent.part()),
                Err(RecvError::Lagged(missed)) => {
                    tracing::warn!(missed, "a reader of a camera stream is too slow");
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

async fn latest(State(site): State<Arc<Site>>, Path(id): Path<u8>) -> Response {
    let outlet = match outlet(&site, id) {
        Ok(outlet) => outlet,
        Err(refusal) => return refusal.into_response(),
    };
    let last = outlet.latest.borrow().clone();
    match last {
        Some(sent) => {
            let headers = [
                ("content-type", "image/jpeg".to_owned()),
                ("cache-control", "no-store".to_owned()),
                ("x-sortline-trigger", sent.trigger.to_string()),
                ("x-sortline-camera", sent.camera.to_string()),
                ("x-sortline-ticks", sent.ticks.0.to_string()),
            ];
            (headers, sent.jpeg).into_response()
        }
        None => (StatusCode::NOT_FOUND, "the camera has not taken a frame\n").into_response(),
    }
}

fn truth_of(site: &Site) -> Response {
    let truth = site.truth.borrow().clone();
    ([(header::CONTENT_TYPE, "application/json")], truth).into_response()
}
