"""Static files under names that carry a hash of their content, so that browsers may keep them."""

from __future__ import annotations

from django.contrib.staticfiles.storage import ManifestStaticFilesStorage


class HashedStaticFilesStorage(ManifestStaticFilesStorage):
    """A file somebody forgot is a 404 in the page, not an error page in its place.

    Our own modules (static/js) import each other by relative names, so these are rewritten, too.
    Scripts of packages are left as they are: some name files they do not bring.
    """

    manifest_strict = False
    _of_modules = ManifestStaticFilesStorage._js_module_import_aggregation_patterns[1]  # type: ignore[attr-defined]
    patterns = (*ManifestStaticFilesStorage.patterns, ("js/*.js", _of_modules))  # type: ignore[has-type]
