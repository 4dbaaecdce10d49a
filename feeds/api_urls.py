"""Routes below /api/v1/."""

from __future__ import annotations

from django.urls import path

from feeds import api, collections_api, people_api

urlpatterns = [
    path("feeds/recent/", api.RecentView.as_view(), name="api-feed-recent"),
    path("feeds/featured/", api.FeaturedView.as_view(), name="api-feed-featured"),
    path("feeds/rising/", api.RisingView.as_view(), name="api-feed-rising"),
    path("feeds/remixed/", api.RemixedView.as_view(), name="api-feed-remixed"),
    path("feeds/following/", api.FollowingView.as_view(), name="api-feed-following"),
    path("feeds/for-you/", api.ForYouView.as_view(), name="api-feed-for-you"),
    path("feeds/for-you/wish/", people_api.WishView.as_view(), name="api-feed-wish"),
    path("feeds/saved/", api.SavedView.as_view(), name="api-feed-saved"),
    path("feeds/search/", api.SearchView.as_view(), name="api-feed-search"),
    path("feeds/topics/", people_api.TopicsView.as_view(), name="api-hidden-topics"),
    path("feeds/topics/<int:topic_id>/", people_api.TopicView.as_view(), name="api-hidden-topic"),
    path("workspaces/<int:workspace_id>/feed/", api.TeamView.as_view(), name="api-feed-team"),
    path("videos/<uuid:video_id>/share/", api.ShareView.as_view(), name="api-video-share"),
    path("videos/<uuid:video_id>/unshare/", api.UnshareView.as_view(), name="api-video-unshare"),
    path("videos/<uuid:video_id>/audience/", api.AudienceView.as_view(), name="api-audience"),
    path("videos/<uuid:video_id>/link/", api.LinkView.as_view(), name="api-share-link"),
    path("videos/<uuid:video_id>/alt-text/", api.AltTextView.as_view(), name="api-alt-text"),
    path("videos/<uuid:video_id>/like/", api.LikeView.as_view(), name="api-video-like"),
    path("videos/<uuid:video_id>/save/", api.SaveView.as_view(), name="api-video-save"),
    path("people/<str:handle>/", people_api.PersonView.as_view(), name="api-person"),
    path("people/<str:handle>/videos/", people_api.PersonClipsView.as_view(), name="api-clips-of"),
    path("people/<str:handle>/follow/", people_api.FollowView.as_view(), name="api-follow"),
    path("people/<str:handle>/mute/", people_api.MuteView.as_view(), name="api-mute"),
    path("people/<str:handle>/block/", people_api.BlockView.as_view(), name="api-block"),
    path("collections/", collections_api.CollectionsView.as_view(), name="api-collections"),
    path(
        "collections/<int:collection_id>/",
        collections_api.CollectionView.as_view(),
        name="api-collection",
    ),
    path(
        "collections/<int:collection_id>/videos/<uuid:video_id>/",
        collections_api.CollectedView.as_view(),
        name="api-collected",
    ),
]
