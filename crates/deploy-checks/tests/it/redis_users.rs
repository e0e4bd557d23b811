//! The users of Redis on Kubernetes, on a real Redis with the files that a cluster would give it.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pssp_deploy_checks::text;
use serde_json::Value;
use tempfile::TempDir;

use crate::release::Site;
use crate::{ENVIRONMENTS, object};

/// Another address of this machine than 127.0.0.1, which Redis does not take for local: its protected mode holds there.
const ELSEWHERE: &str = "127.0.0.2";
/// Time limit of the start. A test machine may be busy.
const DEADLINE: Duration = Duration::from_secs(60);

/// A Redis as in an environment. It ends with the value.
struct Redis {
    server: Child,
    port: u16,
    service: String,
    operator: String,
    folder: TempDir,
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Redis {
    /// Starts Redis with `data/redis.conf`, the config map of the environment, and the Secret that the script makes.
    fn of(env: &str) -> Self {
        let site = Site::without_history();
        site.run("deploy/secret.sh", &[env]);
        let [service, store] = secrets(&site);
        let folder = tempfile::tempdir().expect("a folder");
        for (name, mounted) in [("config", "/etc/redis/conf.d"), ("secret", "/run/secrets/redis")] {
            assert!(text("data/redis.conf").contains(&format!("\ninclude {mounted}/*.conf\n")));
            fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        let config = object(env, "ConfigMap", "db-config");
        write(&folder, "config", config.at("/data"));
        write(&folder, "secret", &store["stringData"]);
        let here = |name: &str| folder.path().join(name).display().to_string();
        let conf = text("data/redis.conf")
            .replace("/etc/redis/conf.d", &here("config"))
            .replace("/run/secrets/redis", &here("secret"));
        fs::write(folder.path().join("redis.conf"), conf).expect("a file");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|one| one.local_addr()).expect("a port").port();
        let url = service["stringData"]["PSSP_BACKEND"].as_str().expect("a URL");
        let login = url
            .strip_prefix("redis://pssp:")
            .and_then(|rest| rest.split_once('@'))
            .expect("user and password");
        assert_eq!(login.1, format!("{env}-db:6379/0"));
        let operator = store["stringData"]["operator"].as_str().expect("a password").to_owned();
        let server = serve(&folder, port);
        let mut redis = Self { server, port, service: login.0.to_owned(), operator, folder };
        redis.wait();
        redis
    }

    /// As when its node loses power.
    fn kill(&mut self) {
        self.server.kill().expect("a server");
        self.server.wait().expect("its end");
    }

    fn restart(&mut self) {
        self.kill();
        self.server = serve(&self.folder, self.port);
        self.wait();
    }

    fn wait(&mut self) {
        let end = Instant::now() + DEADLINE;
        let address: SocketAddr = format!("{ELSEWHERE}:{}", self.port).parse().expect("an address");
        while TcpStream::connect(address).is_err() {
            assert!(self.server.try_wait().expect("a process").is_none(), "Redis refuses the files");
            assert!(Instant::now() < end, "Redis does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The answer to a command of a user, who may be nobody.
    fn says(&self, user: Option<(&str, &str)>, command: &[&str]) -> String {
        let mut cli = Command::new("redis-cli");
        cli.args(["-h", ELSEWHERE, "-p", &self.port.to_string(), "--no-auth-warning"]);
        cli.env_remove("REDISCLI_AUTH");
        if let Some((name, password)) = user {
            cli.args(["--user", name, "--pass", password]);
        }
        let output = cli.args(command).output().expect("redis-cli: run `make setup-test`");
        let said = [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat();
        said.trim().to_owned()
    }
}

fn serve(folder: &TempDir, port: u16) -> Child {
    Command::new("redis-server")
        .arg(folder.path().join("redis.conf"))
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", ELSEWHERE, "--dir"])
        .arg(folder.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server: run `make setup-test`")
}

/// The two Secrets that the script made: of API and workers, and of Redis.
fn secrets(site: &Site) -> [Value; 2] {
    let made = fs::read_to_string(site.fake().join("created")).expect("the Secrets");
    let documents: Vec<Value> = serde_saphyr::from_multiple(&made).expect("YAML");
    documents.try_into().expect("two Secrets")
}

/// Writes the entries of a config map or Secret, as its mount does.
fn write(folder: &TempDir, name: &str, entries: &Value) {
    for (file, content) in entries.as_object().expect("entries") {
        fs::write(folder.path().join(name).join(file), content.as_str().expect("a text")).expect("a file");
    }
}

#[test]
fn the_service_has_few_rights_and_the_default_user_none() {
    for env in ENVIRONMENTS {
        let redis = Redis::of(env);
        let service = Some(("pssp", redis.service.as_str()));
        assert_eq!(redis.says(service, &["PING"]), "PONG", "{env}");
        assert_eq!(redis.says(service, &["SET", "{pssp}:one", "1"]), "OK", "{env}");
        assert_eq!(redis.says(service, &["PUBLISH", "{pssp}:one", "1"]), "0", "{env}");
        for refused in [
            &["SET", "one", "1"][..],
            &["PUBLISH", "one", "1"],
            &["KEYS", "*"],
            &["CONFIG", "SET", "maxmemory", "1"],
            &["FLUSHALL"],
            &["ACL", "LIST"],
            &["SHUTDOWN"],
            &["EVAL", "return 1", "0"],
        ] {
            let said = redis.says(service, refused);
            assert!(said.contains("NOPERM"), "{env}: {refused:?} says {said}");
        }

        for nobody in [None, Some(("default", redis.service.as_str())), Some(("default", ""))] {
            let said = redis.says(nobody, &["PING"]);
            assert!(
                said.contains("NOAUTH") || said.contains("WRONGPASS"),
                "{env}: {nobody:?} is told {said}"
            );
        }
        assert!(redis.says(Some(("pssp", "wrong")), &["PING"]).contains("WRONGPASS"), "{env}");
        assert!(!redis.says(Some(("pssp", "wrong")), &["PING"]).contains("PONG"), "{env}");
    }
}

#[test]
fn people_and_probes_have_users_of_their_own() {
    for env in ENVIRONMENTS {
        let redis = Redis::of(env);
        let operator = Some(("operator", redis.operator.as_str()));
        assert!(redis.says(operator, &["CONFIG", "GET", "maxmemory-policy"]).contains("noeviction"), "{env}");
        assert!(redis.says(operator, &["CONFIG", "GET", "appendfsync"]).contains("always"), "{env}");
        let users = redis.says(operator, &["ACL", "USERS"]);
        assert_eq!(users.lines().collect::<Vec<_>>(), ["default", "health", "operator", "pssp"], "{env}");
        let probe = object(env, "Deployment", "db").container()["readinessProbe"]["exec"]["command"].clone();
        let [user, password] = ["--user", "--pass"].map(|option| {
            let mut words = probe.as_array().expect("words").iter().skip_while(|word| **word != option);
            words.nth(1).and_then(Value::as_str).expect("a value").to_owned()
        });
        assert_eq!(redis.says(Some((&user, &password)), &["PING"]), "PONG", "{env}: the probe");
        assert!(redis.says(Some((&user, &password)), &["GET", "{pssp}:one"]).contains("NOPERM"), "{env}");
    }
}

/// Redis 7.0 reads what scripts wrote with the rights of the user `default`, also if nobody can be that user.
#[test]
fn what_scripts_wrote_is_there_after_a_crash() {
    let mut redis = Redis::of("prod");
    let password = redis.operator.clone();
    let operator = Some(("operator", password.as_str()));
    let script = "redis.call('SET', KEYS[1], 1) return redis.call('SET', KEYS[2], 2)";
    assert_eq!(redis.says(operator, &["EVAL", script, "2", "{pssp}:one", "{pssp}:two"]), "OK");
    redis.restart();
    assert_eq!(redis.says(operator, &["MGET", "{pssp}:one", "{pssp}:two"]), "1\n2");
    assert!(redis.says(None, &["GET", "{pssp}:one"]).contains("NOAUTH"));
}

/// A test of the Redis backend runs every operation with the rights of the guide.
#[test]
fn the_service_has_the_rights_of_the_guide() {
    let guide = text("docs/operations.md");
    let guide =
        guide.lines().find(|line| line.contains("ACL SETUSER pssp on '>PASSWORD' ")).expect("the line");
    let users = text("data/redis-users.conf");
    let ships = users
        .lines()
        .find_map(|line| line.strip_prefix("user pssp on >SERVICE_PASSWORD "))
        .expect("the line");
    let (_, told) = guide.split_once("'>PASSWORD' ").expect("rights");
    let told: Vec<&str> = told.split_whitespace().map(|right| right.trim_matches('\'')).collect();
    assert_eq!(
        ships.split_whitespace().collect::<Vec<_>>(),
        told,
        "data/redis-users.conf and docs/operations.md differ"
    );
}
