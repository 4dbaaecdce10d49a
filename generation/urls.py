"""Pages of generations and clips."""

from __future__ import annotations

from django.urls import path

from generation import library_views, storyboard_views, views
from generation.uploads import views as upload_views

app_name = "generation"
urlpatterns = [
    path("create/", views.composer, name="composer"),
    path("activity/", views.activity, name="activity"),
    path("library/", library_views.page, name="library"),
    path("library/act/", library_views.act, name="library-act"),
    path("library/trash/empty/", library_views.empty_trash, name="library-empty-trash"),
    path("library/folders/", library_views.make_folder, name="library-folders"),
    path("library/folders/<int:folder_id>/", library_views.change_folder, name="library-folder"),
    path("jobs/<uuid:generation_id>/revert/", views.revert, name="revert"),
    path("clips/<uuid:video_id>/", views.clip, name="clip"),
    path("clips/<uuid:video_id>/remixing/", library_views.remixing, name="remixing"),
    path("settings/remixing/", library_views.remixing_default, name="remixing-default"),
    path("storyboards/", storyboard_views.drafts, name="storyboards"),
    path("storyboard/new/", storyboard_views.new, name="storyboard-new"),
    path("storyboard/<uuid:draft_id>/", storyboard_views.editor, name="storyboard"),
    path("sequence/", storyboard_views.sequence, name="sequence"),
    path("sequence/<uuid:draft_id>/", storyboard_views.sequence_draft, name="sequence-draft"),
    path("verify/", views.verify, name="verify"),
    path("uploads/", upload_views.library, name="uploads"),
    path("library/import/", upload_views.clip_import, name="clip-import"),
    path("uploads/agreement/", upload_views.agreement, name="upload-agreement"),
]
