"""JSON: collections and the clips in them."""

from __future__ import annotations

import uuid

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import signed_in
from feeds import collecting, listings, shapes
from feeds.lookup import own_collection, seen_collection, shared_video
from feeds.models import Collection
from feeds.pages import read_page


class CollectionsView(APIView):
    """Your collections: GET them, POST a new one."""

    @extend_schema(responses=shapes.CollectionOut(many=True))
    def get(self, request: Request) -> Response:
        mine = Collection.objects.filter(owner=signed_in(request)).order_by("name")
        return Response(shapes.CollectionOut(mine, many=True).data)

    @extend_schema(request=shapes.CollectionIn, responses={201: shapes.CollectionOut})
    def post(self, request: Request) -> Response:
        asked = shapes.CollectionIn(data=request.data)
        asked.is_valid(raise_exception=True)
        made = collecting.create(signed_in(request), **asked.validated_data)
        return Response(shapes.CollectionOut(made).data, status=201)


class CollectionView(APIView):
    """One collection: anybody reads a public one, its owner changes and deletes it."""

    def get_permissions(self) -> list[BasePermission]:
        return [AllowAny()] if self.request.method == "GET" else super().get_permissions()

    @extend_schema(parameters=[shapes.CURSOR, shapes.FeedIn], responses=shapes.CollectionPageOut)
    def get(self, request: Request, collection_id: int) -> Response:
        collection = seen_collection(request.user, collection_id)
        asked = shapes.FeedIn(data=request.query_params)
        asked.is_valid(raise_exception=True)
        page = read_page(
            listings.in_collection(collection, request.user),
            request.user,
            request.query_params.get("cursor"),
            size=asked.validated_data["limit"],
        )
        head = shapes.CollectionOut(collection).data
        return Response({**head, "videos": page.cards, "next_cursor": page.next_cursor})

    @extend_schema(request=shapes.CollectionChangeIn, responses=shapes.CollectionOut)
    def patch(self, request: Request, collection_id: int) -> Response:
        collection = own_collection(request.user, collection_id)
        asked = shapes.CollectionChangeIn(data=request.data)
        asked.is_valid(raise_exception=True)
        data = asked.validated_data
        changed = collecting.change(
            collection, name=data.get("name"), is_public=data.get("is_public")
        )
        return Response(shapes.CollectionOut(changed).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, collection_id: int) -> Response:
        collecting.delete(own_collection(request.user, collection_id))
        return Response(status=204)


class CollectedView(APIView):
    """PUT a public clip into a collection, DELETE takes it out."""

    @extend_schema(request=None, responses={204: None})
    def put(self, request: Request, collection_id: int, video_id: uuid.UUID) -> Response:
        collection = own_collection(request.user, collection_id)
        collecting.add(collection, shared_video(request.user, video_id))
        return Response(status=204)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, collection_id: int, video_id: uuid.UUID) -> Response:
        collecting.remove(own_collection(request.user, collection_id), video_id)
        return Response(status=204)
