"""The page on which admins give and take staff roles."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts import staff_roles
from accounts.models import AuditEntry, StaffRole, User
from accounts.permissions import signed_in, staff_required
from sora_site.lib.errors import SoraError

MOST = 200
CHANGES = 30


@require_safe
@never_cache
@staff_required(role="admin")
def people(request: HttpRequest) -> HttpResponse:
    """GET /console/people/: everybody who does staff work, their roles, and the last changes."""
    staff = (
        User.objects.filter(Q(is_staff=True) | Q(staff_roles__isnull=False), is_active=True)
        .distinct()
        .prefetch_related("staff_roles")
        .order_by("-is_superuser", "handle")[:MOST]
    )
    context = {
        "roles": [
            {"code": role.value, "label": role.label, "means": staff_roles.MEANS[role]}
            for role in StaffRole.Role
        ],
        "rows": [
            {"person": person, "held": {row.role for row in person.staff_roles.all()}}
            for person in staff
        ],
        "changes": AuditEntry.objects.filter(event__startswith="staff.role_")
        .select_related("actor")
        .order_by("-pk")[:CHANGES],
    }
    return render(request, "moderation/people.html", context)


@require_POST
@never_cache
@staff_required(role="admin")
def change(request: HttpRequest) -> HttpResponse:
    """POST /console/people/roles/: `handle`, `role` and `do` (give or take)."""
    handle = request.POST.get("handle", "").strip().lower().lstrip("@")[:30]
    role = request.POST.get("role", "")
    person = User.objects.filter(handle=handle).first()
    if person is None:
        messages.error(request, "There is nobody with this handle. It stands on a person's page.")
        return redirect("moderation:people")
    change_role = (
        staff_roles.take_role if request.POST.get("do") == "take" else staff_roles.give_role
    )
    try:
        changed = change_role(person, role, by=signed_in(request))
    except SoraError as error:
        messages.error(request, f"{error.message} {error.remedy or ''}".strip())
    else:
        label = StaffRole.Role(role).label.lower()
        taken = request.POST.get("do") == "take"
        verb = "is no longer" if taken else "is now"
        if changed:
            messages.success(request, f"{person.public_name} {verb} {label}.")
        else:
            messages.info(request, "Nothing changed.")
    return redirect("moderation:people")
