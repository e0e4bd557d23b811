//! Keys that operators make and revoke while the service runs.

use std::time::Duration;

use super::{Jobs, JobsError};
use crate::error::StoreError;
use crate::id::{JobId, Owner};
use crate::stored_key::{KeyTerms, StoredKey, link_key_id};
use crate::time::Timestamp;

impl Jobs {
    /// Makes a key. Returns it with its text, which is shown to the operator once. The caller has checked the terms
    /// ([`KeyTerms::check`]).
    ///
    /// # Errors
    /// Errors of the backend.
    pub async fn create_key(&self, terms: KeyTerms) -> Result<(StoredKey, String), StoreError> {
        let (key, text) = StoredKey::new(terms, self.now());
        self.backend.keys.put_key(&key).await?;
        Ok((key, text))
    }

    /// The key with this id.
    ///
    /// # Errors
    /// Errors of the backend.
    pub async fn key(&self, id: &str) -> Result<Option<StoredKey>, StoreError> {
        self.backend.keys.key(id).await
    }

    /// Makes the key of a link, which opens a job of `owner` for reading as long as the job is kept. It takes the place of
    /// an earlier one.
    ///
    /// # Errors
    /// [`JobsError::NotFound`] if it is not a job of the owner; [`JobsError::Expired`]; errors of the backend.
    pub async fn create_link(&self, owner: &Owner, id: JobId) -> Result<(StoredKey, String), JobsError> {
        let job = self.find(owner, id).await?;
        if job.head.owner != *owner {
            return Err(JobsError::NotFound);
        }
        let ends = job.status.expires_at.unwrap_or_else(|| self.now().plus(self.policy.ttl * 2));
        let terms = KeyTerms {
            scopes: Vec::new(),
            expires_at: Some(ends),
            job: Some(id),
            ..KeyTerms::of(owner.clone())
        };
        Ok(self.create_key(terms).await?)
    }

    /// Ends the link to a job of `owner`. Returns whether there was one.
    ///
    /// # Errors
    /// Errors of the backend.
    pub async fn withdraw_link(&self, owner: &Owner, id: JobId) -> Result<bool, StoreError> {
        let id = link_key_id(id);
        match self.key(&id).await? {
            Some(key) if key.terms.owner == *owner => self.backend.keys.delete_key(&id).await,
            _ => Ok(false),
        }
    }

    /// Deletes the keys of links to jobs that have expired.
    ///
    /// # Errors
    /// Errors of the backend.
    pub(super) async fn purge_links(&self, now: Timestamp) -> Result<(), StoreError> {
        for key in self.backend.keys.keys().await? {
            if key.terms.job.is_some() && key.terms.expires_at.is_some_and(|at| at <= now) {
                self.backend.keys.delete_key(&key.id).await?;
            }
        }
        Ok(())
    }

    /// All keys of callers, the oldest first.
    ///
    /// # Errors
    /// Errors of the backend.
    pub async fn keys(&self) -> Result<Vec<StoredKey>, StoreError> {
        let mut keys = self.backend.keys.keys().await?;
        keys.retain(|key| key.terms.job.is_none());
        keys.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        Ok(keys)
    }

    /// Makes a key with the same terms, and lets the old one end after `grace`, or sooner if it ends before.
    ///
    /// # Errors
    /// [`JobsError::NotFound`] if there is no such key; errors of the backend.
    pub async fn rotate_key(&self, id: &str, grace: Duration) -> Result<(StoredKey, String), JobsError> {
        let old = self.key(id).await?.filter(|key| key.terms.job.is_none());
        let mut old = old.ok_or(JobsError::NotFound)?;
        let made = self.create_key(old.terms.clone()).await?;
        let ends = self.now().plus(grace);
        old.terms.expires_at = Some(old.terms.expires_at.map_or(ends, |at| at.min(ends)));
        self.backend.keys.put_key(&old).await?;
        Ok(made)
    }

    /// Deletes a key. Processes that know it accept it for some seconds more. Returns whether it existed.
    ///
    /// # Errors
    /// Errors of the backend.
    pub async fn revoke_key(&self, id: &str) -> Result<bool, StoreError> {
        self.backend.keys.delete_key(id).await
    }

    /// Notes that a key is used now.
    ///
    /// # Errors
    /// Errors of the backend.
    pub async fn touch_key(&self, id: &str) -> Result<(), StoreError> {
        self.backend.keys.touch_key(id, self.now()).await
    }
}
