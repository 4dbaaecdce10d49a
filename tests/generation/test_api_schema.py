"""The published schema is valid, complete and says what the endpoints answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from rest_framework.test import APIClient

from generation.api import GenerationOut

pytestmark = pytest.mark.django_db


def test_the_schema_validates_without_a_warning(tmp_path: Any) -> None:
    target = tmp_path / "schema.yaml"
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(target))
    text = target.read_text()
    assert "openapi: 3.1" in text
    assert "accessToken" in text
    assert "Idempotency-Key" in text


def test_anybody_may_read_the_schema_and_the_reference_page(client: Any) -> None:
    assert APIClient().get("/api/v1/schema/").status_code == 200
    page = client.get("/api/docs/")
    assert page.status_code == 200
    assert b"swagger-ui" in page.content


def test_a_job_has_exactly_the_fields_the_schema_promises(ask: Callable[..., Any]) -> None:
    assert set(ask().json()) == set(GenerationOut().fields)


def test_an_unknown_address_of_the_api_answers_in_the_error_shape() -> None:
    answer = APIClient().get("/api/v1/nothing-here/")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"
    assert answer.json()["error"]["request_id"]


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_a_method_that_is_not_there_says_so(api: APIClient, method: str) -> None:
    answer = getattr(api, method)("/api/v1/engine/")
    assert answer.status_code == 405
    assert answer.json()["error"]["code"] == "method_not_allowed"


def test_a_body_that_is_no_json_says_so(api: APIClient, workspace: Any) -> None:
    answer = api.post(
        f"/api/v1/workspaces/{workspace.pk}/generations/", "{", content_type="application/json"
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "parse_error"
