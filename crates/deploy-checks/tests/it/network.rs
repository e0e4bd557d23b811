//! Which pods may connect to which.

use serde_json::{Value, json};

use crate::{ENVIRONMENTS, object};

#[test]
fn redis_accepts_connections_only_from_its_own_environment() {
    for env in ENVIRONMENTS {
        let policy = object(env, "NetworkPolicy", "db");
        assert_eq!(policy.at("/spec/policyTypes"), &json!(["Ingress", "Egress"]));
        assert_eq!(policy.at("/spec/egress"), &json!([]), "redis opens no connection");
        let rules = policy.at("/spec/ingress").as_array().expect("rules");
        assert_eq!(rules.len(), 1);
        let from = &rules[0]["from"];
        assert_eq!(from.as_array().map(Vec::len), Some(1));
        assert_eq!(from[0]["podSelector"]["matchLabels"], json!({ "app.kubernetes.io/instance": env }));
        assert_eq!(from[0]["podSelector"]["matchExpressions"][0]["values"], json!(["pssp-api", "pssp-wrk"]));
        assert_eq!(policy.at("/spec/ingress/0/ports/0/port"), 6379);
    }
}

#[test]
fn api_and_workers_may_reach_only_redis_and_dns() {
    for env in ENVIRONMENTS {
        for (part, port) in [("api", 5000), ("wrk", 9090)] {
            let policy = object(env, "NetworkPolicy", part);
            assert_eq!(policy.at("/spec/ingress/0/ports/0/port"), port);
            let ports: Vec<&Value> = policy
                .at("/spec/egress")
                .as_array()
                .expect("rules")
                .iter()
                .flat_map(|rule| rule["ports"].as_array().expect("ports"))
                .map(|port| &port["port"])
                .collect();
            assert_eq!(ports, [&json!(6379), &json!(53), &json!(53)], "{env}-{part}");
            let to = policy.at("/spec/egress/0/to/0/podSelector/matchLabels");
            assert_eq!(to["app.kubernetes.io/name"], "pssp-db");
            assert_eq!(to["app.kubernetes.io/instance"], env);
        }
    }
}

#[test]
fn redis_is_not_reachable_from_outside_and_the_api_is() {
    for env in ENVIRONMENTS {
        assert_eq!(object(env, "Service", "db").str("/spec/type"), "ClusterIP");
        let api = object(env, "Service", "api");
        assert_eq!(api.str("/spec/type"), "NodePort");
        assert!(
            api.at("/spec/ports/0/nodePort").is_null(),
            "the cluster chooses the port, so that several deployments do not collide"
        );
    }
}
