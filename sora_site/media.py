"""Answers a signed media link. The link was made after a permission check and dies on its own."""

from __future__ import annotations

from django.conf import settings
from django.core import signing
from django.core.files.storage import storages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from sora_site.lib import storage

CONTENT_TYPES = {
    "mp4": "video/mp4",
    "webp": "image/webp",
    "jpg": "image/jpeg",
    "png": "image/png",
}


@require_safe
def deliver(request: HttpRequest, token: str, filename: str) -> HttpResponse:
    """GET /media/<token>/<name>: hand the file to the server in front, or redirect to the object store.

    404 for a forged or expired link and for an object that was taken down meanwhile.
    """
    try:
        link = storage.read_link(token)
    except signing.BadSignature:
        raise Http404 from None
    if settings.MEDIA_BACKEND == "s3":
        disposition = content_disposition_header(link.download, link.filename) or "inline"
        return HttpResponseRedirect(
            storages["private"].url(
                link.key, parameters={"ResponseContentDisposition": disposition}
            )
        )
    path = storage.local_path(link.key)
    if path is None or not path.is_file():
        raise Http404
    suffix = link.filename.rsplit(".", 1)[-1].lower()
    response = HttpResponse(content_type=CONTENT_TYPES.get(suffix, "application/octet-stream"))
    if disposition := content_disposition_header(link.download, link.filename):
        response["Content-Disposition"] = disposition
    response["Cache-Control"] = "private, max-age=600"
    response["X-Content-Type-Options"] = "nosniff"
    response["X-Accel-Redirect"] = f"/protected/{link.key}"
    return response
