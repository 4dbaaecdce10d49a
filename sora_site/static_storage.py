"""Static files under names that carry a hash of their content, so that browsers may keep them."""

from __future__ import annotations

from django.contrib.staticfiles.storage import ManifestStaticFilesStorage


class HashedStaticFilesStorage(ManifestStaticFilesStorage):
    """A file somebody forgot is a 404 in the page, not an error page in its place."""

    manifest_strict = False
