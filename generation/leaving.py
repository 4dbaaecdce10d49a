"""What goes with an account: everything private of the workspaces its owner leaves behind."""

from __future__ import annotations

from accounts.models import User, Workspace
from generation import drafts, library, services
from generation.models import Favourite, Generation, StylePreset, Upload, Video
from generation.uploads import services as uploads


def forget(user: User) -> None:
    """Called by accounts.services.delete_account, inside its transaction.

    Only of workspaces the person owns: those have no other member any more. Shared clips stay, as
    the settings page says; so does what is evidence (library.delete_files, quarantine).
    """
    for workspace in Workspace.objects.filter(owner=user):
        for job in Generation.objects.filter(workspace=workspace).open():
            services.cancel_generation(job, by=user)
        for draft in workspace.drafts.all():
            drafts.delete_draft(draft, by=user)
        private = Video.objects.filter(workspace=workspace, shared_at=None).in_library()
        library.trash(list(private), by=user)
        library.empty_trash(workspace, by=user)
        for upload in Upload.objects.filter(workspace=workspace, quarantined_at=None):
            uploads.trash_upload(upload, by=user)  # the sweep takes it and its files from there
        StylePreset.objects.filter(workspace=workspace).delete()
    Favourite.objects.filter(user=user).delete()
