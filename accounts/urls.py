"""Pages about one's own account."""

from __future__ import annotations

from django.urls import path

from accounts import views, workspace_views

app_name = "accounts"
urlpatterns = [
    path("settings/", views.settings_page, name="settings"),
    path("settings/age/", views.age, name="age"),
    path("settings/tokens/create/", views.create_token, name="create-token"),
    path("settings/tokens/<int:token_id>/revoke/", views.revoke_token, name="revoke-token"),
    path("settings/delete/", views.delete_account, name="delete-account"),
    path("workspaces/", workspace_views.workspaces, name="workspaces"),
    path("workspaces/switch/", workspace_views.switch, name="switch-workspace"),
    path("workspaces/<int:workspace_id>/members/", workspace_views.members, name="members"),
    path(
        "workspaces/<int:workspace_id>/members/add/", workspace_views.add_member, name="add-member"
    ),
    path(
        "workspaces/<int:workspace_id>/members/<int:user_id>/",
        workspace_views.change_member,
        name="change-member",
    ),
    path("suspended/", views.suspended, name="suspended"),
]
