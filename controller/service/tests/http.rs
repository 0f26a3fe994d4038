//! The web server's routes, without a socket.

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use axum::body::{Body, to_bytes};
    use axum::http::{Request, Response, StatusCode};
    use jiff::Timestamp;
    use serde_json::{Value, json};
    use sortline_core::topology::{LineConfig, Topology};
    use sortline_core::{
        Action, AlarmChange, AlarmKind, ChuteId, ChuteState, DiverterId, Event, JogState,
        OperatorCommand, SortPlan,
    };
    use sortline_service::config::{Files, Manifest};
    use sortline_service::engine::{Commanded, Picture};
    use sortline_service::http::{Ends, Fixed, Front, Neighbor, SiteInfo, Web, router, serve};
    use sortline_service::journal::{Cause, Committed, Record};
    use sortline_service::live::{self, Desk, Feeds, Model, View};
    use sortline_service::office::{Account, Office, Token};
    use sortline_service::people::{Role, Roles};
    use sortline_service::routing::{Routes, Routing, keep_fresh};
    use sortline_service::uplink::{Counters, Outbox};
    use tokio::net::TcpListener;
    use tokio::sync::{broadcast, mpsc, watch};
    use tower::ServiceExt as _;

    const LINE: &str = include_str!("../../../config/demo/line.toml");
    const PLAN: &str = include_str!("../../../config/demo/plan.toml");
    const CODE: &str = "ABCD-EFGH-JKLM";
    const PASSWORD: &str = "a long password";

    struct Bench {
        web: Web,
        office: Office,
        commands: mpsc::Receiver<Commanded>,
        committed: mpsc::Sender<Vec<Committed>>,
        views: watch::Receiver<Arc<View>>,
        _stop: watch::Sender<bool>,
    }

    fn folder() -> PathBuf {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("http-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        drop(std::fs::remove_dir_all(&folder));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// A controller without a line behind it; the live task is the real one.
    fn bench_of(open: bool, (files, routing): (Files, Routing), neighbors: Vec<Neighbor>) -> Bench {
        let line: LineConfig = toml::from_str(LINE).unwrap();
        let plan: SortPlan = toml::from_str(PLAN).unwrap();
        let (views_sender, views) = watch::channel(Arc::new(View::default()));
        let (_, picture) = watch::channel(Picture::default());
        let (_, uplink) = watch::channel(Counters::default());
        let (_, field) = watch::channel(sortline_fieldbus::Statistics::default());
        let (commands_sender, commands) = mpsc::channel(1);
        let (orders_sender, orders) = mpsc::channel(8);
        let (committed_sender, committed) = mpsc::channel(8);
        let (_, shots) = mpsc::channel(1);
        let (history, _) = mpsc::channel(8);
        let (stop_sender, stop) = watch::channel(false);
        let model = Model::new(line.clone(), plan.clone(), 0);
        let feeds = Feeds::new(committed, shots, orders, picture.clone(), history);
        tokio::spawn(live::run(model, feeds, views_sender, Outbox::closed()));
        let folder = folder();
        let office = Office::open(&folder).unwrap();
        let site = SiteInfo {
            id: "bench".to_owned(),
            name: "Bench".to_owned(),
            origin: "DE-FRA".to_owned(),
            time_zone: "UTC".to_owned(),
            open,
            four_eyes: true,
            node: String::new(),
            broker: "off".to_owned(),
            started: Timestamp::now(),
        };
        let fixed = Fixed {
            front: Front::new(site, files, office.clone(), Some(CODE.to_owned())),
            topology: Topology::new(line).unwrap(),
            plan,
            manifest: Manifest::default(),
            journal: PathBuf::from("there/is/none.db"),
            neighbors,
        };
        let ends = Ends {
            views: views.clone(),
            picture,
            uplink,
            field,
            buses: Vec::new(),
            telegrams: broadcast::Sender::new(1),
            commands: commands_sender,
            desk: Desk::new(orders_sender),
            routing,
            stop,
        };
        Bench {
            web: Web::new(fixed, ends).unwrap(),
            office,
            commands,
            committed: committed_sender,
            views,
            _stop: stop_sender,
        }
    }

    fn bench_with(open: bool) -> Bench {
        routed(open, Routing::fixed(None))
    }

    fn routed(open: bool, routing: Routing) -> Bench {
        bench_of(open, (Files::Demo, routing), Vec::new())
    }

    fn bench() -> Bench {
        bench_with(true)
    }

    impl Bench {
        /// A person with these roles, signed in: the cookie.
        async fn person(&self, id: &str, roles: &[Role]) -> String {
            let account = Account {
                id: id.to_owned(),
                name: id.to_owned(),
                roles: roles.iter().copied().collect(),
                disabled: false,
            };
            let now = Timestamp::now();
            self.office
                .add_account(&account, PASSWORD, "test", false, now)
                .unwrap();
            let body = json!({ "id": id, "password": PASSWORD }).to_string();
            let response = ask(self, post("/api/v1/session", &body)).await;
            assert_eq!(response.status(), StatusCode::NO_CONTENT);
            let cookie = response.headers()["set-cookie"].to_str().unwrap();
            assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"));
            cookie.split(';').next().unwrap().to_owned()
        }

        async fn happen(&mut self, cause: Cause, action: Action) {
            let record = Record {
                at: sortline_core::LineTime(0),
                wall: Timestamp::now(),
                cursor: None,
                cause,
                actions: vec![action],
                origin: None,
            };
            let committed = vec![Committed { seq: 1, record }];
            self.committed.send(committed).await.unwrap();
        }

        async fn raise(&mut self, kind: AlarmKind) {
            let change = AlarmChange::Raised;
            self.happen(Cause::Timeout, Action::Alarm { kind, change })
                .await;
            let there = |view: &Arc<View>| view.member("alarms").is_some_and(|a| a.len() > 2);
            self.views.wait_for(there).await.unwrap();
        }
    }

    fn with(mut request: Request<Body>, cookie: &str) -> Request<Body> {
        let value = cookie.parse().unwrap();
        request.headers_mut().insert("cookie", value);
        request
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
            ("/api/v1/wear", StatusCode::OK),
            ("/api/v1/safe-mode", StatusCode::NOT_FOUND),
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
        let command = OperatorCommand::EmptyChute { chute: ChuteId(3) };
        assert_eq!(commanded.event, Event::Operator { command });
        assert_eq!(commanded.origin.via, "http");
        let trail = bench.office.audit("chute.empty", None, 10).unwrap();
        assert_eq!(
            (trail[0].who.as_str(), trail[0].target.as_str()),
            ("open", "3")
        );
    }

    #[tokio::test]
    async fn a_chute_that_is_switched_off_says_why() {
        let mut bench = bench();
        let path = "/api/v1/lines/line-1/commands";
        let hostile = "frame bent <script>\u{202e}";
        let off = json!({
            "command": "enable_chute", "chute": 3, "enabled": false, "reason": hostile,
        });
        let response = ask(&bench, post(path, &off.to_string())).await;
        assert_eq!(response.status(), StatusCode::ACCEPTED);
        let commanded = bench.commands.try_recv().unwrap();
        let command = OperatorCommand::EnableChute {
            chute: ChuteId(3),
            enabled: false,
        };
        assert_eq!(commanded.event, Event::Operator { command });
        let trail = bench.office.audit("chute.enable", None, 10).unwrap();
        let after: Value = serde_json::from_str(&trail[0].after).unwrap();
        assert_eq!(after, json!({ "enabled": false, "reason": hostile }));
        let notes = bench.office.chute_notes().unwrap();
        assert_eq!(notes.len(), 1, "known after a restart");
        assert_eq!((notes[0].0, &*notes[0].1.reason), (ChuteId(3), hostile));
        let (chute, state) = (ChuteId(3), ChuteState::Disabled);
        let cause = Cause::Event {
            event: commanded.event,
        };
        bench.happen(cause, Action::Chute { chute, state }).await;
        let off = |view: &Arc<View>| {
            view.member("chutes")
                .is_some_and(|c| c.contains("disabled"))
        };
        bench.views.wait_for(off).await.unwrap();
        let state = json(ask(&bench, get("/api/v1/lines/line-1/state")).await).await;
        let chutes = state["chutes"].as_array().unwrap();
        let chute = chutes.iter().find(|chute| chute["id"] == 3).unwrap();
        assert_eq!(chute["off"]["reason"], hostile);
        assert_eq!(chute["bag"]["state"], "open");
        let on = json!({ "command": "enable_chute", "chute": 3, "enabled": true });
        ask(&bench, post(path, &on.to_string())).await;
        assert_eq!(bench.office.chute_notes().unwrap(), []);
        let long = json!({
            "command": "enable_chute", "chute": 3, "enabled": false, "reason": "x".repeat(201),
        });
        let response = ask(&bench, post(path, &long.to_string())).await;
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    }

    #[tokio::test]
    async fn a_diverter_is_moved_by_one_hand_at_a_time() {
        let mut bench = bench_with(false);
        let [kim, lee] = [
            bench.person("kim", &[Role::Maintainer]).await,
            bench.person("lee", &[Role::Maintainer]).await,
        ];
        let path = |diverter: u16| format!("/api/v1/lines/line-1/diverters/{diverter}/jog");
        let press = |who: &str, diverter: u16, body: &str| with(post(&path(diverter), body), who);
        let hand = r#"{"hand":"a"}"#;
        for _ in 0..3 {
            let response = ask(&bench, press(&kim, 2, hand)).await;
            assert_eq!(response.status(), StatusCode::ACCEPTED);
            let command = OperatorCommand::Jog {
                diverter: DiverterId(2),
            };
            let commanded = bench.commands.try_recv().unwrap();
            assert_eq!(commanded.event, Event::Operator { command });
        }
        let trail = bench.office.audit("diverter.jog", None, 10).unwrap();
        assert_eq!(trail.len(), 1, "a hold is on record once");
        assert_eq!((&*trail[0].who, &*trail[0].target), ("kim", "2"));
        let (conflict, wrong) = (StatusCode::CONFLICT, StatusCode::UNPROCESSABLE_ENTITY);
        for (who, diverter, body, expected) in [
            (&lee, 2, hand, conflict),
            (&kim, 2, r#"{"hand":"b"}"#, conflict),
            (&kim, 99, hand, StatusCode::NOT_FOUND),
            (&kim, 2, r#"{"hand":""}"#, wrong),
            (&kim, 2, "{}", wrong),
        ] {
            let response = ask(&bench, press(who, diverter, body)).await;
            assert_eq!(response.status(), expected, "{diverter} {body}");
            assert!(
                json(response).await["error"].is_string(),
                "{diverter} {body}"
            );
        }
        let around = r#"{"command":"jog","diverter":2}"#;
        let around = with(post("/api/v1/lines/line-1/commands", around), &kim);
        assert_eq!(ask(&bench, around).await.status(), wrong);
        assert!(bench.commands.try_recv().is_err(), "nothing else moves");
        let (diverter, jog) = (DiverterId(2), JogState::On);
        bench
            .happen(Cause::Timeout, Action::Jog { diverter, jog })
            .await;
        let told = |view: &Arc<View>| {
            view.member("line")
                .is_some_and(|line| line.contains("jog\":{"))
        };
        let view = bench.views.wait_for(told).await.unwrap().clone();
        let line: Value = serde_json::from_str(view.member("line").unwrap()).unwrap();
        assert_eq!(line["jog"], json!({ "diverter": 2, "state": "on" }));
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
    async fn an_alarm_is_acknowledged_once_and_put_on_record() {
        let mut bench = bench();
        let path = "/api/v1/alarms/chute_full-3/acknowledge";
        assert_eq!(
            ask(&bench, post(path, "")).await.status(),
            StatusCode::NOT_FOUND
        );
        bench
            .raise(AlarmKind::ChuteFull { chute: ChuteId(3) })
            .await;
        let mut chinese = get("/api/v1/alarms");
        let language = "zh-CN".parse().unwrap();
        chinese.headers_mut().insert("accept-language", language);
        let listed = json(ask(&bench, chinese).await).await;
        assert_eq!(listed[0]["state"], "active");
        assert!(
            listed[0]["text"].as_str().unwrap().contains("已满"),
            "{listed}"
        );
        assert_eq!(
            ask(&bench, post(path, "")).await.status(),
            StatusCode::NO_CONTENT
        );
        assert_eq!(
            ask(&bench, post(path, "")).await.status(),
            StatusCode::CONFLICT
        );
        let shelve = "/api/v1/alarms/chute_full-3/shelve";
        let table = [
            (r#"{"minutes":30}"#, StatusCode::UNPROCESSABLE_ENTITY),
            (
                r#"{"minutes":481,"reason":"x"}"#,
                StatusCode::UNPROCESSABLE_ENTITY,
            ),
            (
                r#"{"minutes":30,"reason":"bag comes"}"#,
                StatusCode::NO_CONTENT,
            ),
        ];
        for (body, expected) in table {
            assert_eq!(
                ask(&bench, post(shelve, body)).await.status(),
                expected,
                "{body}"
            );
        }
        let trail = bench.office.audit("alarm.", None, 10).unwrap();
        assert_eq!(trail.len(), 2, "only what was done: {trail:#?}");
        assert_eq!(bench.office.audit_damaged_at().unwrap(), None);
        let history = json(ask(&bench, get("/api/v1/alarms/history")).await).await;
        assert_eq!(history[0]["change"], "shelved");
    }

    #[tokio::test]
    async fn without_a_session_nothing_but_the_door_is_open() {
        let bench = bench_with(false);
        let description = json(ask(&bench, get("/api/openapi.json")).await).await;
        let mut refused = 0;
        for (path, methods) in description["paths"].as_object().unwrap() {
            for method in methods.as_object().unwrap().keys() {
                let door = path == "/api/v1/session" || path == "/api/v1/enrolment";
                if door && method != "delete" {
                    continue;
                }
                let path = path.replace(['{', '}'], "");
                let request = Request::builder()
                    .method(method.to_uppercase().as_str())
                    .uri(&path)
                    .body(Body::empty())
                    .unwrap();
                let status = ask(&bench, request).await.status();
                assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {path}");
                refused += 1;
            }
        }
        assert!(refused > 35, "{refused}");
    }

    #[tokio::test]
    async fn each_role_may_what_it_is_for() {
        use Role::{Admin, Coder, Maintainer, Operator, Planner, Supervisor, Viewer};

        let bench = bench_with(false);
        let commands = "/api/v1/lines/line-1/commands";
        let reset = r#"{"command":"reset"}"#;
        let key = r#"{"command":"key","parcel":1,"destination":{"country":"DE","postcode":null,
            "source":"keyed","confidence":1000}}"#;
        let all = Role::ALL.to_vec();
        let labels = vec![Operator, Coder, Maintainer, Supervisor];
        let table: Vec<(Request<Body>, Vec<Role>)> = vec![
            (get("/api/v1/lines"), all.clone()),
            (get("/api/v1/reports"), all),
            (get("/api/v1/parcels/1"), labels.clone()),
            (get("/api/v1/frames/1.jpg"), labels),
            (
                post(commands, reset),
                vec![Operator, Maintainer, Supervisor],
            ),
            (post(commands, key), vec![Coder, Supervisor]),
            (
                post("/api/v1/alarms/x/acknowledge", ""),
                vec![Operator, Maintainer, Supervisor],
            ),
            (post("/api/v1/alarms/x/remove", "{}"), vec![Supervisor]),
            (post("/api/v1/coding/1/claim", ""), vec![Coder, Supervisor]),
            (
                post("/api/v1/plans/1/activate", ""),
                vec![Planner, Supervisor],
            ),
            (post("/api/v1/simulations", "{}"), vec![Maintainer]),
            (get("/api/v1/audit"), vec![Supervisor, Admin]),
            (get("/api/v1/points"), vec![Maintainer]),
            (
                post("/api/v1/lines/line-1/diverters/0/jog", "{}"),
                vec![Maintainer],
            ),
            (get("/api/v1/people"), vec![Admin]),
            (post("/api/v1/keys", "{}"), vec![Admin]),
        ];
        let mut cookies = Vec::new();
        for role in Role::ALL {
            let id = format!("{role:?}").to_lowercase();
            cookies.push((role, bench.person(&id, &[role]).await));
        }
        assert_eq!(cookies[0].0, Viewer);
        for (request, able) in table {
            let (parts, body) = request.into_parts();
            let body = to_bytes(body, 1 << 16).await.unwrap();
            for (role, cookie) in &cookies {
                let request = Request::from_parts(parts.clone(), Body::from(body.clone()));
                let status = ask(&bench, with(request, cookie)).await.status();
                let refused = status == StatusCode::FORBIDDEN;
                assert_ne!(able.contains(role), refused, "{role:?} {parts:?}: {status}");
                assert_ne!(status, StatusCode::UNAUTHORIZED);
            }
        }
    }

    #[tokio::test]
    async fn the_first_administrator_shows_the_code_and_nobody_comes_second() {
        let bench = bench_with(false);
        let enrol = |code: &str, id: &str, password: &str| {
            let body = json!({ "code": code, "id": id, "name": "A", "password": password });
            post("/api/v1/enrolment", &body.to_string())
        };
        let table = [
            (
                enrol("ABCD-EFGH-JKLN", "ada", PASSWORD),
                StatusCode::UNAUTHORIZED,
            ),
            (enrol(CODE, "ada", "short"), StatusCode::CONFLICT),
            (enrol(CODE, "Ada!", PASSWORD), StatusCode::CONFLICT),
            (
                enrol("abcd-efgh-jklm", "ada", PASSWORD),
                StatusCode::NO_CONTENT,
            ),
            (enrol(CODE, "eve", PASSWORD), StatusCode::CONFLICT),
        ];
        for (index, (request, expected)) in table.into_iter().enumerate() {
            assert_eq!(ask(&bench, request).await.status(), expected, "{index}");
        }
        let me = json(ask(&bench, get("/api/v1/session")).await).await;
        assert_eq!(
            (&me["enrolment"], &me["signed_in"]),
            (&json!(false), &json!(false))
        );
        let sign_in = |password: &str| {
            let body = json!({ "id": "ada", "password": password }).to_string();
            post("/api/v1/session", &body)
        };
        for _ in 0..5 {
            let status = ask(&bench, sign_in("wrong password")).await.status();
            assert_eq!(status, StatusCode::UNAUTHORIZED);
        }
        let locked = ask(&bench, sign_in(PASSWORD)).await.status();
        assert_eq!(locked, StatusCode::UNAUTHORIZED, "the account waits");
        let last = bench.office.change_account(
            "ada",
            &sortline_service::office::Change {
                disabled: Some(true),
                ..Default::default()
            },
            "test",
            Timestamp::now(),
        );
        assert!(last.is_err(), "somebody must be left to administer");
    }

    #[tokio::test]
    async fn a_machine_shows_its_key_and_a_session_ends() {
        let bench = bench_with(false);
        let now = Timestamp::now();
        let roles: Roles = [Role::Viewer].into_iter().collect();
        let (id, token) = bench.office.add_key("scada", &roles, "test", now).unwrap();
        let keyed = || {
            let request = Request::get("/metrics");
            let shown = format!("Bearer {}", token.reveal());
            request
                .header("authorization", shown)
                .body(Body::empty())
                .unwrap()
        };
        assert_eq!(ask(&bench, keyed()).await.status(), StatusCode::OK);
        bench.office.remove_key(id, "test", now).unwrap();
        assert_eq!(
            ask(&bench, keyed()).await.status(),
            StatusCode::UNAUTHORIZED
        );
        let cookie = bench.person("op", &[Role::Operator]).await;
        let lines = || with(get("/api/v1/lines"), &cookie);
        assert_eq!(ask(&bench, lines()).await.status(), StatusCode::OK);
        let end = Request::delete("/api/v1/session")
            .body(Body::empty())
            .unwrap();
        let ended = ask(&bench, with(end, &cookie)).await.status();
        assert_eq!(ended, StatusCode::NO_CONTENT);
        assert_eq!(
            ask(&bench, lines()).await.status(),
            StatusCode::UNAUTHORIZED
        );
    }

    #[tokio::test]
    async fn a_plan_is_checked_kept_approved_and_activated() {
        let mut bench = bench_with(false);
        let (ada, bob) = (
            bench.person("ada", &[Role::Planner]).await,
            bench.person("bob", &[Role::Planner]).await,
        );
        let rule = json!({ "name": "all", "chutes": [1] });
        let plan = json!({ "version": "night", "rule": [rule] });
        let new = |plan: &Value| json!({ "plan": plan, "comment": "" }).to_string();
        let bad = json!({ "version": "bad", "rule": [{ "name": "x", "chutes": [777] }] });
        let refused = ask(&bench, with(post("/api/v1/plans", &new(&bad)), &ada)).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let made = ask(&bench, with(post("/api/v1/plans", &new(&plan)), &ada)).await;
        let id = json(made).await["id"].as_i64().unwrap();
        let at = |what: &str| post(&format!("/api/v1/plans/{id}/{what}"), "");
        let steps = [
            ("activate", &ada, StatusCode::CONFLICT),
            ("approve", &ada, StatusCode::CONFLICT),
            ("approve", &bob, StatusCode::NO_CONTENT),
            ("activate", &ada, StatusCode::OK),
        ];
        for (what, cookie, expected) in steps {
            let status = ask(&bench, with(at(what), cookie)).await.status();
            assert_eq!(status, expected, "{what}");
        }
        let commanded = bench.commands.try_recv().unwrap();
        assert!(matches!(commanded.event, Event::Plan { plan } if plan.version == "night"));
        let file: SortPlan = toml::from_str(PLAN).unwrap();
        let resumed = bench.office.adopt_plan(&file, Timestamp::now()).unwrap();
        assert_eq!(
            resumed.version, file.version,
            "a file not seen before counts"
        );
        let activated = bench.office.plans(10).unwrap();
        assert_eq!(activated.len(), 2);
        let table = ask(&bench, with(get(&format!("/api/v1/plans/{id}.csv")), &ada)).await;
        let text = to_bytes(table.into_body(), 1 << 16).await.unwrap();
        assert!(text.starts_with(b"name,hop,country"), "{text:?}");
    }

    fn request(method: &str, path: &str, body: &str) -> Request<Body> {
        let request = Request::builder().method(method).uri(path);
        let request = request.header("content-type", "application/json");
        request.body(Body::from(body.to_owned())).unwrap()
    }

    /// Routes of the demonstration site that follow what is told.
    fn living() -> (Bench, Routing, tokio::task::JoinHandle<()>) {
        let routes = Routes::load(&Files::Demo, "DE-FRA", Timestamp::now()).unwrap();
        let office = Office::open(&folder()).unwrap();
        let place = (Files::Demo, "DE-FRA".to_owned());
        let (routing, refresh) = keep_fresh(routes, place, &office);
        let task = tokio::spawn(async move { refresh.await.unwrap() });
        (routed(true, routing.clone()), routing, task)
    }

    #[tokio::test]
    async fn conditions_come_and_go_and_every_change_is_explained() {
        let (bench, mut routing, task) = living();
        let path = "/api/v1/routes/conditions/snow";
        let now = Timestamp::now();
        // Long enough to touch departures on any day of the week.
        let soon = now + jiff::SignedDuration::from_hours(240);
        let told = |change: Value| {
            json!({ "from": now, "to": soon, "change": change, "reason": "snow" }).to_string()
        };
        for (change, said) in [
            (json!({ "kind": "close", "place": "NOWHERE" }), "NOWHERE"),
            (
                json!({ "kind": "weather", "place": "DE-LEJ", "level": 9 }),
                "1 to 3",
            ),
            (json!({ "kind": "melt", "place": "DE-LEJ" }), "melt"),
        ] {
            let response = ask(&bench, request("PUT", path, &told(change))).await;
            assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
            let error = json(response).await.to_string();
            assert!(error.contains(said), "{error}");
        }
        let close = told(json!({ "kind": "close", "place": "DE-LEJ" }));
        let response = ask(&bench, request("PUT", path, &close)).await;
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        let mut seen = json!(null);
        while seen["routes"]["conditions"] != 1 {
            routing.changed().await;
            seen = json(ask(&bench, get("/api/v1/routes/conditions")).await).await;
        }
        assert_eq!(
            seen["conditions"][0]["condition"]["reason"], "snow",
            "{seen}"
        );
        let changes = seen["changes"].as_array().unwrap();
        assert!(!changes.is_empty());
        for change in changes {
            assert!(
                change["why"].as_str().unwrap().contains("snow came"),
                "{change}"
            );
            assert_ne!(change["before"], change["after"]);
        }
        let gone = ask(&bench, request("DELETE", path, "")).await;
        assert_eq!(gone.status(), StatusCode::NO_CONTENT);
        let gone = ask(&bench, request("DELETE", path, "")).await;
        assert_eq!(gone.status(), StatusCode::NOT_FOUND);
        let acts = bench.office.audit("", None, 10).unwrap();
        assert!(
            acts.iter().any(|row| row.action == "condition.end"),
            "{acts:?}"
        );
        task.abort();
    }

    #[tokio::test]
    async fn runs_that_arrived_are_learnt_from() {
        let bench = bench();
        let at = "2026-11-20T18:00:00Z";
        let one = |late| json!({ "service": "NG101", "departed": at, "late_min": late });
        let body = json!([one(12), one(15)]).to_string();
        let response = ask(&bench, post("/api/v1/routes/arrivals", &body)).await;
        assert_eq!(
            json(response).await,
            json!({ "new": 1 }),
            "a run is told once"
        );
        let bad = json!([{ "service": "NG101", "departed": at, "late_min": 1, "weather": 4 }]);
        let response = ask(&bench, post("/api/v1/routes/arrivals", &bad.to_string())).await;
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let learning = json(ask(&bench, get("/api/v1/routes/learning")).await).await;
        assert_eq!(
            (&learning["runs"], &learning["learnt_from"]),
            (&json!(1), &json!(0))
        );
        let bags = json(ask(&bench, get("/api/v1/routes/bags")).await).await;
        assert_eq!(bags, json!([]), "no network, no bags");
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
            text.starts_with("event: snapshot\nid: ") && text.contains("\ndata: {\"seq\":"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn the_description_names_every_route() {
        let description = json(ask(&bench(), get("/api/openapi.json")).await).await;
        let paths = description["paths"].as_object().unwrap();
        assert!(paths.len() > 30, "{paths:#?}");
    }

    fn headed(request: Request<Body>, headers: &[(&'static str, &str)]) -> Request<Body> {
        let (mut parts, body) = request.into_parts();
        for (name, value) in headers {
            parts.headers.insert(*name, value.parse().unwrap());
        }
        Request::from_parts(parts, body)
    }

    fn key(bench: &Bench, name: &str, roles: &[Role]) -> String {
        let roles: Roles = roles.iter().copied().collect();
        let (_, token) = bench
            .office
            .add_key(name, &roles, "test", Timestamp::now())
            .unwrap();
        format!("Bearer {}", token.reveal())
    }

    #[tokio::test]
    async fn a_program_speaks_for_a_person_and_gives_no_right_that_it_has_not() {
        let bench = bench_with(false);
        let key = key(&bench, "hall", &[Role::Operator, Role::Coder]);
        let ada = [
            ("authorization", key.as_str()),
            ("sortline-person", "ada"),
            ("sortline-roles", "sortline-operator, admin"),
        ];
        let me = json(ask(&bench, headed(get("/api/v1/session"), &ada)).await).await;
        assert_eq!(
            (&me["id"], &me["name"]),
            (&json!("key:hall/ada"), &json!("ada"))
        );
        assert_eq!(me["roles"], json!(["operator"]));
        let response = ask(&bench, headed(get("/api/v1/people"), &ada)).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
        for bad in ["", "a b", "<script>", &"x".repeat(65)] {
            let headers = [("authorization", key.as_str()), ("sortline-person", bad)];
            let response = ask(&bench, headed(get("/api/v1/lines"), &headers)).await;
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{bad}");
        }
        // The headers alone say nothing.
        let response = ask(&bench, headed(get("/api/v1/lines"), &ada[1..])).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    }

    /// A controller, and one beside it that shows its line; and one that is away.
    async fn neighbors() -> (Bench, Bench) {
        let other = bench_with(false);
        let there = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let neighbor = |id: &str, address: String, key: &str| Neighbor {
            id: id.to_owned(),
            address,
            key: Token::shown(key),
        };
        let address = there.local_addr().unwrap().to_string();
        tokio::spawn(serve(there, other.web.clone()));
        let key = key(&other, "hall", &[Role::Operator]);
        let key = key.strip_prefix("Bearer ").unwrap();
        let all = vec![
            neighbor("west", address, key),
            neighbor("east", "127.0.0.1:1".to_owned(), "none"),
        ];
        let here = bench_of(false, (Files::Demo, Routing::fixed(None)), all);
        let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
        tokio::spawn(serve(door, here.web.clone()));
        (other, here)
    }

    #[tokio::test]
    async fn a_line_of_another_controller_is_operated_in_the_persons_name() {
        let (other, here) = neighbors().await;
        let cookie = here.person("ada", &[Role::Operator, Role::Admin]).await;
        let as_ada = |request| with(request, &cookie);
        let mut lines = json!([]);
        while lines[1]["up"] != true {
            lines = json(ask(&here, as_ada(get("/api/v1/lines"))).await).await;
            tokio::task::yield_now().await;
        }
        assert_eq!(lines[0]["at"], "");
        assert_eq!(
            (&lines[1]["at"], &lines[1]["id"]),
            (&json!("/at/west"), &lines[0]["id"])
        );
        assert_eq!(
            (&lines[2]["at"], &lines[2]["up"]),
            (&json!("/at/east"), &json!(false))
        );

        let me = json(ask(&here, as_ada(get("/at/west/api/v1/session"))).await).await;
        assert_eq!(me["id"], "key:hall/ada");
        assert_eq!(
            me["roles"],
            json!(["operator"]),
            "the key there has no more"
        );
        let path = "/at/west/api/v1/lines/line-1/commands";
        let response = ask(&here, as_ada(post(path, "{\"command\":\"reset\"}"))).await;
        assert_eq!(response.status(), StatusCode::ACCEPTED);
        let trail = other.office.audit("", None, 10).unwrap();
        let by_ada = |row: &sortline_service::office::AuditRow| row.who == "key:hall/ada";
        assert!(
            trail
                .iter()
                .any(|row| by_ada(row) && row.action == "line.reset")
        );
    }

    #[tokio::test]
    async fn only_what_is_meant_goes_to_another_controller() {
        let (_other, here) = neighbors().await;
        let cookie = here.person("ada", &[Role::Operator, Role::Admin]).await;
        let as_ada = |request| with(request, &cookie);
        for (request, expected) in [
            (as_ada(get("/at/west/api/v1/people")), StatusCode::FORBIDDEN),
            (as_ada(get("/at/west/metrics")), StatusCode::NOT_FOUND),
            (
                as_ada(post("/at/west/api/v1/session", "{}")),
                StatusCode::NOT_FOUND,
            ),
            (as_ada(get("/at/none/api/v1/lines")), StatusCode::NOT_FOUND),
            (
                as_ada(get("/at/east/api/v1/lines")),
                StatusCode::BAD_GATEWAY,
            ),
            (get("/at/west/api/v1/lines"), StatusCode::UNAUTHORIZED),
        ] {
            let path = request.uri().clone();
            let response = ask(&here, request).await;
            assert_eq!(response.status(), expected, "{path}");
            assert!(response.headers().get("set-cookie").is_none(), "{path}");
        }
    }

    #[tokio::test]
    async fn a_file_is_checked_written_and_taken_back() {
        let site = folder();
        let demo = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../config/demo");
        copy(&demo, &site);
        let bench = bench_of(
            true,
            (Files::Directory(site.clone()), Routing::fixed(None)),
            Vec::new(),
        );
        let old = std::fs::read_to_string(site.join("plan.toml")).unwrap();
        let path = "/api/v1/system/files/plan.toml";
        let broken = json!({ "text": format!("{old}\noverflow = 99\n"), "was": old }).to_string();
        let said = json(ask(&bench, post(&format!("{path}/check"), &broken)).await).await;
        assert_eq!(said["problems"][0]["file"], "plan.toml", "{said}");
        let put = |body: &str| {
            let request = Request::put(path).header("content-type", "application/json");
            request.body(Body::from(body.to_owned())).unwrap()
        };
        let refused = ask(&bench, put(&broken)).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let stale = json!({ "text": old, "was": "something else" }).to_string();
        assert_eq!(
            ask(&bench, put(&stale)).await.status(),
            StatusCode::CONFLICT
        );
        assert_eq!(
            std::fs::read_to_string(site.join("plan.toml")).unwrap(),
            old
        );

        let new = format!("# a remark\n{old}");
        let good = json!({ "text": new, "was": old }).to_string();
        assert_eq!(
            ask(&bench, put(&good)).await.status(),
            StatusCode::NO_CONTENT
        );
        assert_eq!(
            std::fs::read_to_string(site.join("plan.toml")).unwrap(),
            new
        );
        let kept = json(ask(&bench, get(&format!("{path}/versions"))).await).await;
        let seq = kept[0]["seq"].clone();
        let response = ask(&bench, get(&format!("{path}/versions/{seq}"))).await;
        let text = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        assert_eq!(text, old.as_bytes());
        let trail = bench.office.audit("", None, 10).unwrap();
        assert!(trail.iter().any(|row| row.action == "file.change"));
        let response = ask(&bench, get("/api/v1/system/files/manifest.csv")).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "personal data");
    }

    #[tokio::test]
    async fn a_backup_holds_what_a_controller_is_set_up_from() {
        let bench = bench_with(false);
        let admin = bench.person("ada", &[Role::Admin]).await;
        let other = bench.person("sue", &[Role::Supervisor]).await;
        let path = "/api/v1/system/backup";
        let refused = ask(&bench, with(get(path), &other)).await;
        assert_eq!(refused.status(), StatusCode::FORBIDDEN);
        let response = ask(&bench, with(get(path), &admin)).await;
        assert_eq!(response.status(), StatusCode::OK);
        let name = response.headers()["content-disposition"].to_str().unwrap();
        assert!(
            name.starts_with("attachment; filename=\"sortline-bench-"),
            "{name}"
        );
        let archive = to_bytes(response.into_body(), 64 << 20).await.unwrap();
        let mut files = std::collections::BTreeMap::new();
        let mut at = 0;
        while archive[at] != 0 {
            let text = |from: usize, to: usize| {
                let field = std::str::from_utf8(&archive[at + from..at + to]).unwrap();
                field.trim_end_matches('\0').to_owned()
            };
            let size = usize::from_str_radix(&text(124, 136), 8).unwrap();
            let body = &archive[at + 512..at + 512 + size];
            files.insert(text(0, 100), body.to_vec());
            at += 512 + size.next_multiple_of(512);
        }
        assert_eq!(archive.len() - at, 1_024, "two empty blocks at the end");
        assert_eq!(files["site/line.toml"], LINE.as_bytes());
        assert!(files.keys().any(|name| name.starts_with("site/network/")));
        let folder = folder();
        std::fs::write(folder.join("office.db"), &files["data/office.db"]).unwrap();
        let restored = Office::open(&folder).unwrap();
        assert!(!restored.is_empty().unwrap(), "people are there");
        let trail = restored.audit("backup.take", None, 10).unwrap();
        assert_eq!((trail.len(), trail[0].who.as_str()), (1, "ada"));
        assert_eq!(restored.audit_damaged_at().unwrap(), None);
        let copy = bench.office.copy(Timestamp::now()).unwrap();
        let path = copy.path.clone();
        assert!(path.exists());
        drop(copy);
        assert!(!path.exists(), "copies do not pile up");
    }

    fn copy(from: &std::path::Path, to: &std::path::Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let target = to.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                copy(&entry.path(), &target);
            } else {
                std::fs::copy(entry.path(), target).unwrap();
            }
        }
    }
}
