"""API routes of generations."""

from __future__ import annotations

from django.urls import path

from generation import api, drafts_api, library_api, probing_api
from generation.uploads import api as upload_api

app_name = "generation_api"
urlpatterns = [
    path(
        "workspaces/<int:workspace_id>/generations/",
        api.GenerationListView.as_view(),
        name="generations",
    ),
    path("workspaces/<int:workspace_id>/estimates/", api.EstimateView.as_view(), name="estimates"),
    path("generations/<uuid:generation_id>/", api.GenerationView.as_view(), name="generation"),
    path("generations/<uuid:generation_id>/cancel/", api.CancelView.as_view(), name="cancel"),
    path("generations/<uuid:generation_id>/revert/", api.RevertView.as_view(), name="revert"),
    path(
        "workspaces/<int:workspace_id>/drafts/", drafts_api.DraftListView.as_view(), name="drafts"
    ),
    path("drafts/<uuid:draft_id>/", drafts_api.DraftView.as_view(), name="draft"),
    path(
        "workspaces/<int:workspace_id>/captions/",
        drafts_api.CaptionView.as_view(),
        name="captions",
    ),
    path("standing/", probing_api.StandingView.as_view(), name="standing"),
    path("engine/", api.EngineView.as_view(), name="engine"),
    path("verify/", api.VerifyView.as_view(), name="verify"),
    path(
        "workspaces/<int:workspace_id>/library/",
        library_api.LibraryView.as_view(),
        name="library",
    ),
    path("workspaces/<int:workspace_id>/trash/", library_api.TrashView.as_view(), name="trash"),
    path(
        "workspaces/<int:workspace_id>/downloads/",
        library_api.DownloadsView.as_view(),
        name="downloads",
    ),
    path(
        "workspaces/<int:workspace_id>/folders/", library_api.FoldersView.as_view(), name="folders"
    ),
    path("folders/<int:folder_id>/", library_api.FolderView.as_view(), name="folder"),
    path(
        "workspaces/<int:workspace_id>/presets/", library_api.PresetsView.as_view(), name="presets"
    ),
    path("presets/<int:preset_id>/", library_api.PresetView.as_view(), name="preset"),
    path(
        "workspaces/<int:workspace_id>/prompts/", library_api.PromptsView.as_view(), name="prompts"
    ),
    path(
        "workspaces/<int:workspace_id>/exports/", library_api.ExportsView.as_view(), name="exports"
    ),
    path(
        "workspaces/<int:workspace_id>/imports/", library_api.ImportsView.as_view(), name="imports"
    ),
    path(
        "workspaces/<int:workspace_id>/prompt-tables/",
        library_api.PromptTableView.as_view(),
        name="prompt-tables",
    ),
    path("workspaces/<int:workspace_id>/chores/", library_api.ChoresView.as_view(), name="chores"),
    path("chores/<uuid:chore_id>/", library_api.ChoreView.as_view(), name="chore"),
    path(
        "videos/<uuid:video_id>/renditions/",
        library_api.RenditionsView.as_view(),
        name="renditions",
    ),
    path("videos/<uuid:video_id>/lineage/", library_api.LineageView.as_view(), name="lineage"),
    path("videos/<uuid:video_id>/remixing/", library_api.RemixingView.as_view(), name="remixing"),
    path("remixing/", library_api.RemixingDefaultView.as_view(), name="remixing-default"),
    path(
        "videos/<uuid:video_id>/settings/",
        library_api.ClipSettingsView.as_view(),
        name="clip-settings",
    ),
    path(
        "workspaces/<int:workspace_id>/uploads/",
        upload_api.UploadListView.as_view(),
        name="uploads",
    ),
    path("uploads/<uuid:upload_id>/", upload_api.UploadView.as_view(), name="upload"),
    path(
        "uploads/<uuid:upload_id>/restore/",
        upload_api.UploadRestoreView.as_view(),
        name="upload-restore",
    ),
    path("upload-agreement/", upload_api.UploadAgreementView.as_view(), name="upload-agreement"),
]
