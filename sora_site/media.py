"""Answers a signed media link. The link was made after a permission check and dies on its own."""

from __future__ import annotations

from django.core import signing
from django.core.files.storage import storages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from accounts.models import User
from accounts.staff_roles import has_role
from generation.services import record_download
from generation.takedown import is_out_of_reach
from sora_site.lib import storage

CONTENT_TYPES = {
    "mp4": "video/mp4",
    "webp": "image/webp",
    "jpg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "zip": "application/zip",
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
    if is_out_of_reach(link.key) and not has_role(request.user, "reviewer"):
        raise Http404
    path = storage.local_path(link.key)
    if path is not None and not path.is_file():
        raise Http404
    if link.download and request.method == "GET" and _from_the_start(request):
        person = request.user if isinstance(request.user, User) else None
        record_download(link.key, by=person, file=link.filename.rsplit(".", 1)[-1].lower())
    # A link stays the same for a while (lib/storage.py), so what it leads to may be kept as long.
    kept = f"private, max-age={storage.link_steps()}"
    if path is None:
        disposition = content_disposition_header(link.download, link.filename) or "inline"
        parameters = {"ResponseContentDisposition": disposition, "ResponseCacheControl": kept}
        redirect = HttpResponseRedirect(storages["private"].url(link.key, parameters=parameters))
        redirect["Cache-Control"] = kept
        return redirect
    suffix = link.filename.rsplit(".", 1)[-1].lower()
    response = HttpResponse(content_type=CONTENT_TYPES.get(suffix, "application/octet-stream"))
    if disposition := content_disposition_header(link.download, link.filename):
        response["Content-Disposition"] = disposition
    response["Cache-Control"] = kept
    response["X-Content-Type-Options"] = "nosniff"
    response["X-Accel-Redirect"] = f"/protected/{link.key}"
    return response


def _from_the_start(request: HttpRequest) -> bool:
    """False for the later pieces of a file that is fetched in pieces: one download is noted once."""
    return request.headers.get("Range", "bytes=0-").replace(" ", "").startswith("bytes=0-")
