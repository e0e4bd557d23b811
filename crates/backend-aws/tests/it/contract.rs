//! The AWS backend passes the whole contract suite: against dynoxide with this project's SQS, against
//! ministack, and against AWS itself if `PSSP_TEST_AWS` has an aws URL.

use pssp_conform::Home as _;
use pssp_conform::aws::AwsHome;
use pssp_conform::contract::Harness;

use crate::stand_ins::{Place, options};

async fn own() -> (Box<dyn Harness>, Option<Place>) {
    if let Ok(url) = std::env::var("PSSP_TEST_AWS") {
        return (AwsHome::new(&url).unwrap().fresh().await.unwrap(), None);
    }
    let place = Place::own().await;
    let home = AwsHome::stand_in(&place.url, options(), true).unwrap();
    (home.fresh().await.unwrap(), Some(place))
}

mod own {
    pssp_jobs::contract_tests!(super::own);
}

/// ministack ignores message groups.
async fn ministack() -> (Box<dyn Harness>, Place) {
    let place = Place::ministack().await;
    let home = AwsHome::stand_in(&place.url, options(), false).unwrap();
    (home.fresh().await.unwrap(), place)
}

mod ministack {
    pssp_jobs::contract_tests!(super::ministack);
}
