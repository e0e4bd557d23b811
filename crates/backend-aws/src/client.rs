//! The clients of the SDK, with explicit settings.

use std::sync::Arc;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use pssp_jobs::StoreError;

use crate::clock::{ReadDate, ServerTime};
use crate::target::Target;

/// How AWS is used. The defaults are right for production.
#[derive(Debug, Clone)]
pub struct Options {
    /// Time-out for connecting.
    pub connect_timeout: Duration,
    /// Time-out of one try of a call.
    pub attempt_timeout: Duration,
    /// Time-out of a call with all its tries.
    pub operation_timeout: Duration,
    /// How often a call is tried, including the first time.
    pub attempts: u32,
    /// Key and secret for a stand-in. On AWS the SDK finds the credentials (environment variables, web
    /// identity, profile, container, instance).
    pub credentials: Option<(String, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(2),
            attempt_timeout: Duration::from_secs(5),
            operation_timeout: Duration::from_secs(15),
            attempts: 4,
            credentials: None,
        }
    }
}

impl Options {
    /// Time-outs of a call that the service holds for up to `wait`.
    pub(crate) fn timeouts(&self, wait: Duration) -> TimeoutConfig {
        TimeoutConfig::builder()
            .connect_timeout(self.connect_timeout)
            .operation_attempt_timeout(self.attempt_timeout + wait)
            .operation_timeout(self.operation_timeout + wait)
            .build()
    }
}

/// The clients of both services, and their region.
pub(crate) struct Clients {
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) sqs: aws_sdk_sqs::Client,
    pub(crate) region: String,
    pub(crate) server_time: Arc<ServerTime>,
}

impl Clients {
    /// Reads the environment and the profile. Makes no call.
    pub(crate) async fn load(target: &Target, options: &Options) -> Result<Self, StoreError> {
        let region = region(target).await?;
        let shared = shared(&region, options).await;
        let server_time = Arc::new(ServerTime::default());
        let dynamodb = aws_sdk_dynamodb::config::Builder::from(&shared);
        let mut dynamodb = dynamodb.interceptor(ReadDate(server_time.clone()));
        // Only the URL may set an endpoint. Settings such as AWS_ENDPOINT_URL have been read by now, and are
        // replaced here.
        if let Some(endpoint) = &target.dynamodb_endpoint {
            dynamodb.set_endpoint_url(Some(endpoint.clone()));
        }
        let mut sqs = aws_sdk_sqs::config::Builder::from(&shared);
        if let Some(endpoint) = &target.sqs_endpoint {
            sqs.set_endpoint_url(Some(endpoint.clone()));
        }
        Ok(Self {
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb.build()),
            sqs: aws_sdk_sqs::Client::from_conf(sqs.build()),
            region: region.to_string(),
            server_time,
        })
    }
}

/// The region of the URL, else that of the usual environment variables or of the profile. The metadata service
/// of the instance is not asked: that would be a call, and a slow one outside of AWS.
async fn region(target: &Target) -> Result<Region, StoreError> {
    let chain = RegionProviderChain::first_try(target.region.clone().map(Region::new))
        .or_else(EnvironmentVariableRegionProvider::new())
        .or_else(ProfileFileRegionProvider::new());
    let none = "no region is known: add `region=…` to the aws URL, or set AWS_REGION";
    chain.region().await.ok_or_else(|| StoreError::Refused(none.into()))
}

async fn shared(region: &Region, options: &Options) -> SdkConfig {
    // One HTTP client with rustls and ring: aws-lc is slow to start and to build.
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let retry = RetryConfig::standard()
        .with_max_attempts(options.attempts)
        .with_initial_backoff(Duration::from_millis(50))
        .with_max_backoff(Duration::from_secs(2));
    let loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http)
        .region(region.clone())
        .retry_config(retry)
        .timeout_config(options.timeouts(Duration::ZERO))
        // Calls have time-outs already, and a long poll is silent by design.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    match &options.credentials {
        None => loader.load().await,
        Some((key, secret)) => {
            let fixed = Credentials::new(key, secret, None, None, "options");
            loader.credentials_provider(SharedCredentialsProvider::new(fixed)).load().await
        }
    }
}
