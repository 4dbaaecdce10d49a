"""Pages about one's own account."""

from __future__ import annotations

from django.urls import path

from accounts import views

app_name = "accounts"
urlpatterns = [
    path("settings/", views.settings_page, name="settings"),
    path("settings/age/", views.age, name="age"),
    path("settings/tokens/create/", views.create_token, name="create-token"),
    path("settings/tokens/<int:token_id>/revoke/", views.revoke_token, name="revoke-token"),
    path("settings/delete/", views.delete_account, name="delete-account"),
    path("suspended/", views.suspended, name="suspended"),
]
