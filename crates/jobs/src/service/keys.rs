//! Keys that operators make and revoke while the service runs.

use std::time::Duration;

use super::{Jobs, JobsError};
use crate::error::StoreError;
use crate::stored_key::{KeyTerms, StoredKey};

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

    /// All keys, the oldest first.
    ///
    /// # Errors
    /// Errors of the backend.
    pub async fn keys(&self) -> Result<Vec<StoredKey>, StoreError> {
        let mut keys = self.backend.keys.keys().await?;
        keys.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        Ok(keys)
    }

    /// Makes a key with the same terms, and lets the old one end after `grace`, or sooner if it ends before.
    ///
    /// # Errors
    /// [`JobsError::NotFound`] if there is no such key; errors of the backend.
    pub async fn rotate_key(&self, id: &str, grace: Duration) -> Result<(StoredKey, String), JobsError> {
        let mut old = self.key(id).await?.ok_or(JobsError::NotFound)?;
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
