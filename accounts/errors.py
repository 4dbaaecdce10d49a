"""What accounts refuses, as API codes. Add codes, never rename one."""

from __future__ import annotations

from sora_site.lib.errors import SoraError


class Forbidden(SoraError):
    """A member whose role is too low. Strangers get 404 instead."""

    code = "role_too_low"
    http_status = 403
    message = "Your role in this workspace doesn't allow this."

    def __init__(self, role: str = "", **kwargs: str) -> None:
        needed = f"This needs the role {role} in this workspace, or a higher one." if role else None
        super().__init__(
            needed, remedy="Ask an admin of the workspace to change your role.", **kwargs
        )
        self.role = role


class SignInRequired(SoraError):
    """Nobody is signed in."""

    code = "not_authenticated"
    http_status = 401
    message = "Sign in, or send an access token, to do this."


class AgeNotAttested(SoraError):
    """The person has not stated that they are an adult yet."""

    code = "age_not_attested"
    http_status = 403
    message = "Tell us your date of birth first: this service is for adults."
    remedy = "Open /settings/age/ in a browser while signed in."


class AccountSuspended(SoraError):
    """Moderation has suspended the person."""

    code = "account_suspended"
    http_status = 403
    message = "This account is suspended."
    remedy = "Sign in on the site to read the notice and how to appeal."


class FeatureRestricted(SoraError):
    """A decision about this person keeps them from one feature; `feature` and `until` say which, how long."""

    code = "feature_restricted"
    http_status = 403
    message = "A decision about this account keeps it from this for now."
    remedy = "Your decisions and how to appeal are under /settings/decisions/."


class MfaRequired(SoraError):
    """Staff work needs a second factor on the account."""

    code = "mfa_required"
    http_status = 403
    message = "Staff pages need two-step sign-in on your account."
    remedy = "Set it up under /accounts/2fa/, then sign in again."


class StaffOnly(SoraError):
    """Somebody who is no staff member asks for staff work."""

    code = "staff_only"
    http_status = 403
    message = "Only staff can do this."


class StaffRoleMissing(SoraError):
    """A member of staff without the role this work needs; or who has just lost it."""

    code = "staff_role_missing"
    http_status = 403
    message = "Your account doesn't have the staff role this needs."
    remedy = "Ask somebody with the role admin: they give roles under /console/people/."

    def __init__(self, role: str = "", **kwargs: str) -> None:
        super().__init__(f"This needs the staff role {role}." if role else None, **kwargs)
        self.role = role


class StaffRoleRefused(SoraError):
    """A role that can't be given to, or taken from, this person by that person."""

    code = "staff_role_refused"
    http_status = 409
    message = "This role can't be given to this person."


class TooYoung(SoraError):
    """A stated age below the minimum, now or recently. Nothing was created."""

    code = "age_refused"
    http_status = 403
    message = (
        "Thank you for your interest. We can't open an account for you: "
        "this service is for people aged 18 and over."
    )


class InvalidBirthDate(SoraError):
    """A date of birth that can't be one."""

    code = "invalid_birth_date"
    http_status = 400
    message = "Enter your real date of birth."
    param = "date_of_birth"


class LastOwner(SoraError):
    """A workspace always has exactly one owner."""

    code = "owner_required"
    http_status = 409
    message = "A workspace needs its owner. Hand it to somebody else first."


class TooManyTokens(SoraError):
    """One person keeps at most so many usable tokens in one workspace."""

    code = "too_many_tokens"
    http_status = 409
    message = "You have reached the number of access tokens a workspace may have."
    remedy = "Revoke one you no longer use."


class HandleTaken(SoraError):
    """Somebody has this handle, or it is kept for the site."""

    code = "handle_taken"
    http_status = 409
    message = "This handle is taken. Choose another one."
    param = "handle"
