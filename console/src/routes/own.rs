//! Something of a tenant's own that a path names by its id, and who wants what of it.

use std::net::SocketAddr;

use audit_log::Act;
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use schemas::audit_event::AuditAction;
use schemas::ids::Tenant;

use crate::app::App;
use crate::error::Refusal;
use crate::routes::extract::UrlId;
use crate::session::SignedIn;

/// What a tenant has several of.
pub(crate) trait OfTenant: Sized {
    /// The one of this id; `None` also where the text is no id, and where it is another tenant's.
    fn find(app: &App, tenant: &Tenant, id: &str) -> Option<Self>;
}

/// Who is signed in wants something of their tenant's own. What is not there, or another tenant's, is refused before a body is read.
pub(crate) struct Own<T> {
    pub(crate) app: App,
    pub(crate) signed_in: SignedIn,
    address: SocketAddr,
    pub(crate) it: T,
}

impl<T> Own<T> {
    /// What the account does now.
    pub(crate) fn does(&self, action: AuditAction) -> Act {
        self.signed_in.does(action, self.address)
    }
}

impl<T: OfTenant> FromRequestParts<App> for Own<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let signed_in = SignedIn::from_request_parts(parts, app).await?;
        // The server is made with addresses: see `lib.rs`.
        let address = ConnectInfo::from_request_parts(parts, app).await;
        let ConnectInfo(address) = address.map_err(|_| Refusal::Away("a part"))?;
        let Ok(UrlId(id)) = UrlId::from_request_parts(parts, app).await;
        let it = T::find(app, &signed_in.tenant, &id).ok_or(Refusal::NotFound)?;
        Ok(Self { app: app.clone(), signed_in, address, it })
    }
}
