//! The web server's routes, without a socket.

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use axum::body::{Body, to_bytes};
    use axum::http::{Request, Response, StatusCode};
    use serde_json::Value;
    use sortline_core::OperatorCommand;
    use sortline_core::topology::LineConfig;
    use sortline_service::engine::{Commanded, Picture};
    use sortline_service::http::{Ends, Web, router};
    use sortline_service::live::View;
    use sortline_service::uplink::Counters;
    use tokio::sync::{mpsc, watch};
    use tower::ServiceExt as _;

    const LINE: &str = include_str!("../../../config/demo/line.toml");

    struct Bench {
        web: Web,
        commands: mpsc::Receiver<Commanded>,
        acknowledged: mpsc::Receiver<String>,
        _stop: watch::Sender<bool>,
        _views: watch::Sender<Arc<View>>,
    }

    fn bench() -> Bench {
        let line: LineConfig = toml::from_str(LINE).unwrap();
        let (views_sender, views) = watch::channel(Arc::new(View::default()));
        let (_, picture) = watch::channel(Picture::default());
        let (_, uplink) = watch::channel(Counters::default());
        let (commands_sender, commands) = mpsc::channel(1);
        let (acknowledged_sender, acknowledged) = mpsc::channel(1);
        let (stop_sender, stop) = watch::channel(false);
        let ends = Ends {
            views,
            picture,
            uplink,
            commands: commands_sender,
            acknowledged: acknowledged_sender,
            stop,
        };
        let journal = PathBuf::from("there/is/none.db");
        let web = Web::new(&line, journal, ends).unwrap();
        Bench {
            web,
            commands,
            acknowledged,
            _stop: stop_sender,
            _views: views_sender,
        }
    }

    async fn ask(bench: &Bench, request: Request<Body>) -> Response<Body> {
        router(bench.web.clone()).oneshot(request).await.unwrap()
    }

    fn get(path: &str) -> Request<Body> {
        Request::get(path).body(Body::empty()).unwrap()
    }

    fn post(path: &str, body: &str) -> Request<Body> {
        let request = Request::post(path).header("content-type", "application/json");
        request.body(Body::from(body.to_owned())).unwrap()
    }

    async fn json(response: Response<Body>) -> Value {
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    #[tokio::test]
    async fn every_route_answers_with_its_status() {
        let bench = bench();
        let table = [
            ("/api/v1/lines", StatusCode::OK),
            ("/api/v1/lines/line-1/topology", StatusCode::OK),
            ("/api/v1/lines/line-2/topology", StatusCode::NOT_FOUND),
            ("/api/v1/lines/line-1/state", StatusCode::OK),
            ("/api/v1/lines/line-2/state", StatusCode::NOT_FOUND),
            ("/api/v1/lines/line-2/events", StatusCode::NOT_FOUND),
            ("/api/v1/frames/1.jpg", StatusCode::NOT_FOUND),
            ("/api/v1/frames/..%2Fpasswd", StatusCode::NOT_FOUND),
            ("/api/v1/parcels/x", StatusCode::NOT_FOUND),
            ("/api/v1/parcels/1", StatusCode::SERVICE_UNAVAILABLE),
            ("/api/v1/parcels?limit=abc", StatusCode::BAD_REQUEST),
            ("/api/v1/nothing", StatusCode::NOT_FOUND),
            ("/api/openapi.json", StatusCode::OK),
            ("/metrics", StatusCode::OK),
            ("/healthz", StatusCode::OK),
            ("/readyz", StatusCode::SERVICE_UNAVAILABLE),
            ("/", StatusCode::OK),
            ("/nothing.js", StatusCode::NOT_FOUND),
        ];
        for (path, expected) in table {
            let response = ask(&bench, get(path)).await;
            assert_eq!(response.status(), expected, "{path}");
            let policy = response.headers().get("content-security-policy");
            assert!(policy.is_some_and(|policy| !policy.is_empty()), "{path}");
        }
    }

    #[tokio::test]
    async fn the_topology_is_the_line_as_written() {
        let response = ask(&bench(), get("/api/v1/lines/line-1/topology")).await;
        let topology = json(response).await;
        assert_eq!(topology["belt"]["speed_mm_per_s"], 1_500);
        assert_eq!(topology["chute"][0]["kind"], "sort");
    }

    #[tokio::test]
    async fn a_command_reaches_the_line() {
        let mut bench = bench();
        let path = "/api/v1/lines/line-1/commands";
        let body = r#"{"command":"empty_chute","chute":3}"#;
        let response = ask(&bench, post(path, body)).await;
        assert_eq!(response.status(), StatusCode::ACCEPTED);
        let commanded = bench.commands.try_recv().unwrap();
        let chute = sortline_core::ChuteId(3);
        assert_eq!(commanded.command, OperatorCommand::EmptyChute { chute });
        assert_eq!(commanded.origin.via, "http");
    }

    #[tokio::test]
    async fn bad_commands_are_refused_with_a_sentence() {
        let bench = bench();
        let path = "/api/v1/lines/line-1/commands";
        let table = [
            (r#"{"command":"divert"}"#, StatusCode::UNPROCESSABLE_ENTITY),
            ("{", StatusCode::BAD_REQUEST),
        ];
        for (body, expected) in table {
            let response = ask(&bench, post(path, body)).await;
            assert_eq!(response.status(), expected, "{body}");
            assert!(json(response).await["error"].is_string(), "{body}");
        }
        let long = format!(r#"{{"command":"{}"}}"#, "x".repeat(20_000));
        assert_eq!(
            ask(&bench, post(path, &long)).await.status(),
            StatusCode::PAYLOAD_TOO_LARGE
        );
        let text = Request::post(path)
            .body(Body::from(r#"{"command":"reset"}"#))
            .unwrap();
        assert_eq!(
            ask(&bench, text).await.status(),
            StatusCode::UNSUPPORTED_MEDIA_TYPE
        );
    }

    #[tokio::test]
    async fn a_full_line_and_a_foreign_page_are_told_so() {
        let bench = bench();
        let path = "/api/v1/lines/line-1/commands";
        let reset = r#"{"command":"reset"}"#;
        let mut foreign = post(path, reset);
        foreign
            .headers_mut()
            .insert("origin", "http://evil.example".parse().unwrap());
        assert_eq!(ask(&bench, foreign).await.status(), StatusCode::FORBIDDEN);
        assert_eq!(
            ask(&bench, post(path, reset)).await.status(),
            StatusCode::ACCEPTED
        );
        let refused = ask(&bench, post(path, reset)).await;
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[tokio::test]
    async fn an_alarm_is_acknowledged() {
        let mut bench = bench();
        let response = ask(&bench, post("/api/v1/alarms/chute_full-3/acknowledge", "")).await;
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        assert_eq!(bench.acknowledged.try_recv().unwrap(), "chute_full-3");
    }

    #[tokio::test]
    async fn a_stream_begins_with_a_snapshot() {
        let response = ask(&bench(), get("/api/v1/lines/line-1/events")).await;
        let mut body = response.into_body().into_data_stream();
        let first = futures_util::StreamExt::next(&mut body)
            .await
            .unwrap()
            .unwrap();
        let text = String::from_utf8(first.to_vec()).unwrap();
        assert!(
            text.starts_with("event: snapshot\nid: 0\ndata: {\"seq\":0,"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn the_description_names_every_route() {
        let description = json(ask(&bench(), get("/api/openapi.json")).await).await;
        let paths = description["paths"].as_object().unwrap();
        assert_eq!(paths.len(), 10, "{paths:#?}");
    }
}
