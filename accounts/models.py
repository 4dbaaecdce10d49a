"""People, workspaces, age records, access tokens and the audit trail."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

ADULT_AGE = 18
HANDLE_PATTERN = r"^[a-z0-9][a-z0-9_-]{1,29}$"


def new_handle() -> str:
    """A free-looking handle for someone who has not chosen one; says nothing about the person."""
    return f"maker-{secrets.token_hex(5)}"


def public_name(user: User) -> str:
    """What mails and pages call a person."""
    return user.public_name


class UserManager(BaseUserManager["User"]):
    """Creates people by e-mail address; addresses are stored in lower case."""

    def _create(self, email: str, password: str | None, **fields: Any) -> User:
        if not email:
            raise ValueError("A user needs an e-mail address.")
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)  # None makes the password unusable
        user.save(using=self._db)
        return user

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Create an ordinary person. The personal workspace comes from `services`."""
        return self._create(email, password, **fields)

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Create an operator with every permission."""
        return self._create(email, password, **{"is_staff": True, "is_superuser": True, **fields})

    def get_by_natural_key(self, username: str | None) -> User:
        """Sign-in ignores the case of the address."""
        return self.get(email__iexact=username or "")


class User(AbstractBaseUser, PermissionsMixin):
    """One person, known by e-mail address and shown to others by handle and display name."""

    email = models.EmailField(max_length=254, unique=True)
    display_name = models.CharField(max_length=60, blank=True)
    handle = models.CharField(
        max_length=30,
        unique=True,
        default=new_handle,
        validators=[
            RegexValidator(
                HANDLE_PATTERN,
                "Use 2 to 30 lower-case letters, digits, hyphens or underscores; "
                "start with a letter or digit.",
            )
        ],
    )
    date_of_birth = models.DateField(null=True, blank=True)
    lets_others_remix = models.BooleanField(default=True, db_default=True)  # for new clips
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    suspended_at = models.DateTimeField(null=True, blank=True)
    date_joined = models.DateTimeField(default=timezone.now)
    deleted_at = models.DateTimeField(null=True, blank=True)

    # Set by token authentication for one request: this user object reaches one workspace only.
    token_workspace_id: int | None = None

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("email"), name="user_email_once_any_case"),
            models.CheckConstraint(
                condition=Q(handle__regex=HANDLE_PATTERN), name="user_handle_well_formed"
            ),
        ]

    def __str__(self) -> str:
        return self.public_name

    @property
    def public_name(self) -> str:
        """What strangers may see: the display name, else the handle; never the e-mail."""
        return self.display_name or self.handle

    @property
    def is_suspended(self) -> bool:
        """True while moderation has suspended this person."""
        return self.suspended_at is not None

    @property
    def is_attested_adult(self) -> bool:
        """True when an age attestation of 18 or more is on record."""
        return AgeAttestation.objects.filter(user=self).exists()

    def get_full_name(self) -> str:
        """Name for greetings."""
        return self.public_name

    def get_short_name(self) -> str:
        """Name for greetings."""
        return self.public_name


class StaffRole(models.Model):
    """One kind of staff work one person may do. Taking it away deletes the row; the audit trail stays.

    accounts.staff_roles says who may give it and what covers what.
    """

    class Role(models.TextChoices):
        REVIEWER = "reviewer", "Reviewer"  # decides cases
        SENIOR = "senior", "Senior reviewer"  # also second looks, appeals, reports per period
        CURATOR = "curator", "Curator"  # chooses what is featured
        POLICY = "policy", "Policy"  # changes the screening policy, with a second person
        ADMIN = "admin", "Admin"  # gives and takes these roles, flags and cohorts

    user = models.ForeignKey(User, models.CASCADE, related_name="staff_roles")
    role = models.CharField(max_length=10, choices=Role)
    given_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    given_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "role"], name="staff_role_once"),
            models.CheckConstraint(
                condition=Q(role__in=["reviewer", "senior", "curator", "policy", "admin"]),
                name="staff_role_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} as {self.role}"


class RestrictionQuerySet(models.QuerySet["Restriction"]):
    def running(self, user: User) -> RestrictionQuerySet:
        """What holds somebody back now."""
        now = timezone.now()
        return self.filter(user=user, lifted_at=None).filter(Q(until=None) | Q(until__gt=now))


class Restriction(models.Model):
    """One thing a person may not do for a while; accounts.restrictions says what and asks.

    Rows are added and lifted one by one, so that two decisions about one person never undo each other.
    """

    class Feature(models.TextChoices):
        ACCOUNT = "account", "use the account"
        GENERATE = "generate", "make videos"
        SHARE = "share", "share clips"
        UPLOAD = "upload", "bring pictures and clips"
        REMIX = "remix", "start from other people's clips"
        REPORT = "report", "send reports"

    user = models.ForeignKey(User, models.CASCADE, related_name="restrictions")
    feature = models.CharField(max_length=10, choices=Feature)
    until = models.DateTimeField(null=True)  # null: until it is lifted
    reference = models.CharField(max_length=80)  # of the decision: "decision:12"
    created_at = models.DateTimeField(default=timezone.now)
    lifted_at = models.DateTimeField(null=True)

    objects = RestrictionQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["user"], name="restriction_running", condition=Q(lifted_at=None)),
            models.Index(
                fields=["until"],
                name="restriction_ends",
                condition=Q(lifted_at=None, until__isnull=False),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "feature", "reference"], name="restriction_once_per_decision"
            ),
            models.CheckConstraint(
                condition=Q(
                    feature__in=["account", "generate", "share", "upload", "remix", "report"]
                ),
                name="restriction_known_feature",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} may not {self.feature}"


class WorkspaceQuerySet(models.QuerySet["Workspace"]):
    """Reads of workspaces."""

    def visible_to(self, user: User) -> WorkspaceQuerySet:
        """Workspaces the user is a member of; a token narrows that to its own workspace."""
        if not user.is_authenticated:
            return self.none()
        found = self.filter(memberships__user=user)
        if user.token_workspace_id is not None:
            found = found.filter(pk=user.token_workspace_id)
        return found


class Workspace(models.Model):
    """The tenant: everything private belongs to exactly one workspace."""

    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=60, unique=True)
    personal = models.BooleanField(default=False)
    owner = models.ForeignKey(User, models.PROTECT, related_name="owned_workspaces")
    members = models.ManyToManyField(User, through="Membership", related_name="workspaces")
    created_at = models.DateTimeField(default=timezone.now)

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["owner"], condition=Q(personal=True), name="workspace_one_personal_each"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """One person's place in one workspace."""

    class Role(models.TextChoices):
        VIEWER = "viewer"
        CREATOR = "creator"
        ADMIN = "admin"
        OWNER = "owner"

    # Weakest first; a role may do what every role before it may.
    ORDER: ClassVar[tuple[str, ...]] = ("viewer", "creator", "admin", "owner")

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role, default=Role.VIEWER)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "user"], name="membership_once"),
            models.UniqueConstraint(
                fields=["workspace"], condition=Q(role="owner"), name="membership_one_owner"
            ),
            models.CheckConstraint(
                condition=Q(role__in=["viewer", "creator", "admin", "owner"]),
                name="membership_known_role",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.workspace_id} as {self.role}"

    def allows(self, role: str) -> bool:
        """True when this membership's role is at least `role`."""
        return self.ORDER.index(self.role) >= self.ORDER.index(role)


class AgeAttestation(models.Model):
    """A person stated a date of birth that makes them an adult. One row per person."""

    class Source(models.TextChoices):
        SIGN_UP = "sign_up"  # typed into the sign-up form
        SETTINGS = "settings"  # asked later, on the age page
        OPERATOR = "operator"  # stated by whoever runs this installation

    user = models.OneToOneField(User, models.CASCADE, related_name="age_attestation")
    source = models.CharField(max_length=10, choices=Source)
    attested_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.user_id} attested by {self.source}"


class AgeRefusal(models.Model):
    """Somebody stated an age below 18. Keeps keyed hashes only: no address, no birth date."""

    key = models.CharField(max_length=64, unique=True)  # keyed hash of an address or a cookie id
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"refusal until {self.expires_at:%Y-%m-%d}"


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    """Reads of access tokens."""

    def usable(self) -> ApiTokenQuerySet:
        """Neither revoked nor expired."""
        now = timezone.now()
        return self.filter(revoked_at=None).filter(Q(expires_at=None) | Q(expires_at__gt=now))


class ApiToken(models.Model):
    """A machine's key to one workspace, acting as one person. Only its SHA-256 is stored."""

    class Scope(models.TextChoices):
        READ = "read"
        WRITE = "write"

    MARK: ClassVar[str] = "sora_"

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="api_tokens")
    user = models.ForeignKey(User, models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=60)
    prefix = models.CharField(max_length=13)  # "sora_" and 8 characters, to recognise it by
    digest = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=10, choices=Scope))
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(scopes__contained_by=["read", "write"]) & Q(scopes__len__gt=0),
                name="api_token_known_scopes",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @staticmethod
    def digest_of(secret: str) -> str:
        """SHA-256 in hex. The secret holds 256 random bits, so no slow hash is needed."""
        return hashlib.sha256(secret.encode()).hexdigest()

    @property
    def is_usable(self) -> bool:
        """Neither revoked nor expired."""
        alive = self.expires_at is None or self.expires_at > timezone.now()
        return self.revoked_at is None and alive


class AuditEntry(models.Model):
    """One thing that happened. Rows are only ever added: the database refuses the rest."""

    created_at = models.DateTimeField(default=timezone.now, editable=False)
    event = models.CharField(max_length=60)
    workspace = models.ForeignKey(
        Workspace, models.PROTECT, null=True, blank=True, related_name="audit_entries"
    )
    actor = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="audit_entries"
    )
    target_type = models.CharField(max_length=60, blank=True)
    target_id = models.CharField(max_length=64, blank=True)
    data = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["workspace", "-id"], name="audit_by_workspace"),
            models.Index(fields=["target_type", "target_id", "-id"], name="audit_by_target"),
            models.Index(fields=["event", "-id"], name="audit_by_event"),
        ]

    def __str__(self) -> str:
        return f"{self.event} at {self.created_at:%Y-%m-%d %H:%M:%S}"
