"""Pages of the feeds."""

from __future__ import annotations

from django.urls import path, re_path

from feeds import desk, outside, views

app_name = "feeds"
urlpatterns = [
    path("", views.recent, name="recent"),
    path("featured/", views.featured, name="featured"),
    path("featured/desk/", desk.desk, name="desk"),
    path("featured/desk/clips/<uuid:video_id>/", desk.propose, name="propose"),
    path("featured/desk/slots/<int:pick_id>/", desk.decide, name="decide-pick"),
    path("featured/desk/rising/<int:standing_id>/", desk.review, name="review-rising"),
    path("rising/", views.rising, name="rising"),
    path("remixed/", views.remixed, name="remixed"),
    path("following/", views.following, name="following"),
    path("team/", views.team, name="team"),
    path("for-you/", views.for_you, name="for-you"),
    path("search/", views.search, name="search"),
    path("saved/", views.saved, name="saved"),
    path("collections/", views.collections, name="collections"),
    path("collections/<int:collection_id>/", views.collection, name="collection"),
    path("tastes/", views.tastes, name="tastes"),
    path("u/<str:handle>/", views.profile, name="profile"),
    re_path(r"^u/(?P<handle>[^/]+)/(?P<verb>follow|mute|block)/$", views.relate, name="relate"),
    path("clips/<uuid:video_id>/share/", views.share, name="share"),
    path("clips/<uuid:video_id>/audience/", views.audience, name="audience"),
    path("clips/<uuid:video_id>/alt-text/", views.alt_text, name="alt-text"),
    path("clips/<uuid:video_id>/save/", views.save, name="save"),
    path("clips/<uuid:video_id>/collect/", views.collect, name="collect"),
    path("clips/<uuid:video_id>/poster/", outside.poster, name="poster"),
    path("s/<str:token>/", outside.linked, name="linked"),
    path("s/<str:token>/poster/", outside.linked_poster, name="linked-poster"),
    path("embed/<uuid:video_id>/", outside.embed, name="embed"),
    path("oembed/", outside.oembed, name="oembed"),
    path("recent.rss", outside.ClipFeed(), name="recent-rss"),
    path("recent.atom", outside.as_atom(outside.ClipFeed)(), name="recent-atom"),
    path("featured.rss", outside.FeaturedFeed(), name="featured-rss"),
    path("featured.atom", outside.as_atom(outside.FeaturedFeed)(), name="featured-atom"),
    path("u/<str:handle>/clips.rss", outside.PersonFeed(), name="profile-rss"),
    path("u/<str:handle>/clips.atom", outside.as_atom(outside.PersonFeed)(), name="profile-atom"),
]
