"""Every setting, read from the environment here and nowhere else. Unset means the embedded default.

`./sora up` fills in the URLs of the services it runs and passes them to its children as environment,
so no other module knows whether a service is embedded. docs/settings.md describes each variable.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import environ
from csp.constants import NONCE, SELF

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

VERSION = "0.1.0"

# --- Where everything lies -------------------------------------------------------------------


def _default_state_dir() -> Path:
    if os.geteuid() == 0:
        return Path("/var/lib/sora-site")
    return BASE_DIR / "var"


SORA_STATE_DIR = Path(env("SORA_STATE_DIR", default=str(_default_state_dir()))).resolve()


def _secret_key() -> str:
    """SECRET_KEY, or one generated once into the state folder (development and single machine)."""
    if value := env("SECRET_KEY", default=""):
        return value
    path = SORA_STATE_DIR / "secrets" / "secret_key"
    try:
        return path.read_text().strip()
    except OSError:
        pass
    value = secrets.token_urlsafe(50)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(value)
    except FileExistsError:
        return path.read_text().strip()
    except OSError:
        pass  # the state-folder check (sora.E002) says what to do
    return value


# --- Core ------------------------------------------------------------------------------------

SECRET_KEY = _secret_key()
DEBUG = env.bool("SORA_DEBUG", default=False)
SITE_NAME = env("SITE_NAME", default="Sora Open")
PUBLIC_URL = env("PUBLIC_URL", default="http://localhost:8000").rstrip("/")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)
WEB_BIND = env("WEB_BIND", default="127.0.0.1:8000")
WEB_WORKERS = env.int("WEB_WORKERS", default=1)
SECURE = PUBLIC_URL.startswith("https://")

INSTALLED_APPS = [
    "sora_site.apps.SoraSiteConfig",  # first: sets the Dramatiq broker before any actor is imported
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "accounts",
    "billing",
    "generation",
    "feeds",
    "moderation",
]

MIDDLEWARE = [
    "sora_site.middleware.RequestContextMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "accounts.middleware.AccountStandingMiddleware",
    "sora_site.page_errors.PageErrorMiddleware",
]

ROOT_URLCONF = "sora_site.urls"
ASGI_APPLICATION = "sora_site.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "sora_site.context.site",
            ],
        },
    }
]

# --- Database --------------------------------------------------------------------------------

DATABASE_URL = env("DATABASE_URL", default="")
_database = env.db_url("DATABASE_URL", default="postgres:///sora")
_database["CONN_MAX_AGE"] = (
    0  # under ASGI a persistent connection per thread context exhausts the server
)
_database["CONN_HEALTH_CHECKS"] = True
_database.setdefault("OPTIONS", {})
DATABASE_POOL_MAX = env.int("DATABASE_POOL_MAX", default=8)
if DATABASE_POOL_MAX > 0:
    _database["OPTIONS"]["pool"] = {
        "min_size": env.int("DATABASE_POOL_MIN", default=1),
        "max_size": DATABASE_POOL_MAX,
        "timeout": 10,
    }
_database["OPTIONS"]["connect_timeout"] = 5
# Between two transactions PgBouncer gives the connection, and a cursor kept open in it, to others.
_database["DISABLE_SERVER_SIDE_CURSORS"] = DATABASE_POOL_MAX == 0
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ATOMIC_REQUESTS = False

# --- Broker, channel layer, cache ------------------------------------------------------------

REDIS_URL = env("REDIS_URL", default="redis://localhost:6379/0")


def _redis_database(number: int) -> str:
    """REDIS_URL with another database number; unix socket URLs carry it as `?db=`."""
    base, _, query = REDIS_URL.partition("?")
    if base.startswith("unix://"):
        return f"{base}?db={number}"
    scheme, rest = base.split("://", 1)
    return f"{scheme}://{rest.split('/', 1)[0]}/{number}" + (f"?{query}" if query else "")


BROKER_URL = env("BROKER_URL", default=_redis_database(0))
CHANNEL_LAYER_URL = env("CHANNEL_LAYER_URL", default=_redis_database(1))
CACHE_URL = env("CACHE_URL", default=_redis_database(2))
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        # Without an explicit None, newer redis clients drop an idle socket after five seconds.
        "CONFIG": {"hosts": [{"address": CHANNEL_LAYER_URL, "socket_timeout": None}]},
    }
}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": CACHE_URL,
        "KEY_PREFIX": "sora",
    }
}

# --- Accounts --------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/create/"
LOGOUT_REDIRECT_URL = "/"
SORA_MINIMUM_AGE = max(18, env.int("SORA_MINIMUM_AGE", default=18))
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_HTTPONLY = True
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"

EMAIL_URL = env("EMAIL_URL", default="")
if EMAIL_URL:
    vars().update(env.email_url("EMAIL_URL"))
else:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = str(SORA_STATE_DIR / "mail")
DEFAULT_FROM_EMAIL = env("DEFAULT_FROM_EMAIL", default="Sora Open <no-reply@localhost>")

# docs/decisions/0008: without a mail server nobody waits for a mail before the first video.
ACCOUNT_EMAIL_VERIFICATION = env(
    "ACCOUNT_EMAIL_VERIFICATION", default="mandatory" if EMAIL_URL else "optional"
)
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = ACCOUNT_EMAIL_VERIFICATION == "mandatory"
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = f"[{SITE_NAME}] "
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_SIGNUP_FORM_CLASS = "accounts.forms.SignUpForm"
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_USER_DISPLAY = "accounts.models.public_name"
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if SECURE else "http"
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXIES
MFA_ADAPTER = "accounts.adapter.MfaAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = SITE_NAME
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not SECURE  # passkeys also work on http://localhost
MFA_ALLOW_UNVERIFIED_EMAIL = ACCOUNT_EMAIL_VERIFICATION != "mandatory"
SOCIALACCOUNT_AUTO_SIGNUP = False  # the sign-up form asks for the date of birth
OIDC_ISSUER_URL = env("OIDC_ISSUER_URL", default="")  # single sign-on: one OpenID provider
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                "provider_id": "sso",
                "name": env("OIDC_NAME", default="Single sign-on"),
                "client_id": env("OIDC_CLIENT_ID", default=""),
                "secret": env("OIDC_CLIENT_SECRET", default=""),
                "settings": {"server_url": OIDC_ISSUER_URL},
            }
        ]
        if OIDC_ISSUER_URL
        else [],
    }
}

# --- Billing ---------------------------------------------------------------------------------

BILLING_PROVIDER = env("BILLING_PROVIDER", default="manual")  # manual | off

# --- Generation ------------------------------------------------------------------------------

SORA_ENGINE = env("SORA_ENGINE", default="generation.engine.diffusers_engine.DiffusersEngine")
SORA_MODEL_DIR = Path(
    env("SORA_MODEL_DIR", default=str(BASE_DIR / "generation" / "engine" / "weights"))
)
SORA_DEVICE = env("SORA_DEVICE", default="cpu")
SORA_ENGINE_OPTIONS = env("SORA_ENGINE_OPTIONS", default="")  # JSON object, or path of a TOML file
SORA_LORA = env("SORA_LORA", default="")  # PATH or PATH,SCALE
SORA_TORCH_THREADS = env.int("SORA_TORCH_THREADS", default=0)  # 0: cores - 1
SORA_WORKERS = env.int("SORA_WORKERS", default=1)  # processes; one per GPU
SORA_LEASE_SECONDS = env.int("SORA_LEASE_SECONDS", default=6)
SORA_MAX_ATTEMPTS = env.int("SORA_MAX_ATTEMPTS", default=3)
SORA_MAX_OPEN_GENERATIONS = env.int("SORA_MAX_OPEN_GENERATIONS", default=20)
SORA_MAX_PROMPT_CHARS = env.int("SORA_MAX_PROMPT_CHARS", default=2000)

# --- Rewriting ---------------------------------------------------------------------------------

SORA_DIVERSIFY = env.bool("SORA_DIVERSIFY", default=False)  # people nobody described
SORA_CAPTION_URL = env("SORA_CAPTION_URL", default="")  # OpenAI-compatible chat, or ""
SORA_CAPTION_KEY = env("SORA_CAPTION_KEY", default="")
SORA_CAPTION_MODEL = env("SORA_CAPTION_MODEL", default="")

# --- Screening -------------------------------------------------------------------------------

SORA_TEXT_MODERATION_URL = env("SORA_TEXT_MODERATION_URL", default="")
SORA_TEXT_MODERATION_KEY = env("SORA_TEXT_MODERATION_KEY", default="")
SORA_JOINT_REVIEW_URL = env("SORA_JOINT_REVIEW_URL", default="")  # OpenAI-compatible, or ""
SORA_JOINT_REVIEW_KEY = env("SORA_JOINT_REVIEW_KEY", default="")
SORA_JOINT_REVIEW_MODEL = env("SORA_JOINT_REVIEW_MODEL", default="")
SORA_FRAME_CLASSIFIER = env("SORA_FRAME_CLASSIFIER", default="")  # dotted name, or ""
SORA_FRAME_CLASSIFIER_PATH = env("SORA_FRAME_CLASSIFIER_PATH", default="")
SORA_VISION_MODELS = [
    name for name in env.list("SORA_VISION_MODELS", default=[]) if name
]  # folders in the transformers format
SORA_VISION_DEVICE = env("SORA_VISION_DEVICE", default="cpu")
SORA_FRAME_MODERATION_URL = env("SORA_FRAME_MODERATION_URL", default="")
SORA_FRAME_MODERATION_KEY = env("SORA_FRAME_MODERATION_KEY", default="")
SORA_FRAME_MODERATION_MODEL = env("SORA_FRAME_MODERATION_MODEL", default="omni-moderation-latest")
SORA_PROVIDER_SECONDS = env.float("SORA_PROVIDER_SECONDS", default=10.0)  # for one answer
SORA_MATCHER_URL = env("SORA_MATCHER_URL", default="")
SORA_MATCHER_KEY = env("SORA_MATCHER_KEY", default="")
SORA_MATCHER_CLASSIFIES = env.bool("SORA_MATCHER_CLASSIFIES", default=True)
SORA_TEXT_READER = env("SORA_TEXT_READER", default="auto")  # auto | on | off | dotted name
SORA_KNOWN_HASHES = env("SORA_KNOWN_HASHES", default="")  # file of perceptual hashes to block

# --- Console ---------------------------------------------------------------------------------

# The share of decided cases that a second reviewer judges again, without knowing the first decision.
SORA_SECOND_LOOK_SHARE = min(1.0, max(0.0, env.float("SORA_SECOND_LOOK_SHARE", default=0.1)))

# --- Child safety and likeness ---------------------------------------------------------------

SORA_SEAL_KEY = env("SORA_SEAL_KEY", default="")  # base64, 32 bytes; several: newest first
SORA_PRESERVATION_DAYS = max(365, env.int("SORA_PRESERVATION_DAYS", default=365))
SORA_CYBERTIP_MODE = env("SORA_CYBERTIP_MODE", default="test")  # test | production
SORA_CYBERTIP_USER = env("SORA_CYBERTIP_USER", default="")
SORA_CYBERTIP_PASSWORD = env("SORA_CYBERTIP_PASSWORD", default="")
SORA_CYBERTIP_URL = env("SORA_CYBERTIP_URL", default="")  # a stand-in; never with production
SORA_CYBERTIP_REPORTER = env("SORA_CYBERTIP_REPORTER", default="")  # First Last <address>
SORA_CYBERTIP_CONTACT = env("SORA_CYBERTIP_CONTACT", default="")
SORA_CYBERTIP_COMPANY_TEMPLATE = env("SORA_CYBERTIP_COMPANY_TEMPLATE", default="")
SORA_CYBERTIP_LEGAL_URL = env("SORA_CYBERTIP_LEGAL_URL", default="")
SORA_LIKENESS_PILOT = env("SORA_LIKENESS_PILOT", default="off")  # off | on
SORA_LIKENESS_REVIEWED = max(1, env.int("SORA_LIKENESS_REVIEWED", default=10))

# --- Provenance ------------------------------------------------------------------------------

SORA_SIGNING_CHAIN = env(
    "SORA_SIGNING_CHAIN", default=""
)  # PEM file, leaf first; "" = development CA
SORA_SIGNING_KEY = env("SORA_SIGNING_KEY", default="")  # PEM file
SORA_SIGNING_CALLBACK = env("SORA_SIGNING_CALLBACK", default="")  # dotted name: bytes -> signature
SORA_TRUST_ANCHORS = env("SORA_TRUST_ANCHORS", default="")  # PEM file; "" = the development root
SORA_TIMESTAMP_URL = env("SORA_TIMESTAMP_URL", default="")
SORA_DEVELOPMENT_CA_DIR = SORA_STATE_DIR / "pki"
SORA_WATERMARK_TEXT = env("SORA_WATERMARK_TEXT", default=f"AI · {SITE_NAME}")

# --- Files -----------------------------------------------------------------------------------

MEDIA_BACKEND = env("MEDIA_BACKEND", default="local")
MEDIA_DELIVERY = env("MEDIA_DELIVERY", default="internal")  # internal | accel (a proxy in front)
SORA_MEDIA_LINK_SECONDS = env.int("SORA_MEDIA_LINK_SECONDS", default=3600)
SORA_MEDIA_ROOT = SORA_STATE_DIR / "media"


def _area(name: str) -> dict[str, object]:
    if MEDIA_BACKEND == "s3":
        return {
            "BACKEND": "storages.backends.s3.S3Storage",
            "OPTIONS": {
                "bucket_name": env("S3_BUCKET"),
                "endpoint_url": env("S3_ENDPOINT_URL", default=None),
                "location": name,
                "signature_version": "s3v4",
                "querystring_expire": SORA_MEDIA_LINK_SECONDS,
                "file_overwrite": True,
            },
        }
    return {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(SORA_MEDIA_ROOT / name)},
    }


def _media_origins() -> list[str]:
    """Where pages may show clips from besides this site: with `s3`, links lead to the object store."""
    if MEDIA_BACKEND != "s3":
        return []
    bucket, endpoint = env("S3_BUCKET"), env("S3_ENDPOINT_URL", default="")
    if endpoint:
        return ["/".join(endpoint.split("/")[:3])]
    region = env("AWS_DEFAULT_REGION", default="us-east-1")
    return [f"https://{bucket}.s3.amazonaws.com", f"https://{bucket}.s3.{region}.amazonaws.com"]


STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = SORA_STATE_DIR / "static"
STORAGES = {
    "default": _area("private"),
    "private": _area("private"),
    "quarantine": _area("quarantine"),
    "sealed": _area("sealed"),
    "staticfiles": {
        "BACKEND": "sora_site.static_storage.HashedStaticFilesStorage"
        if env.bool("SORA_HASHED_STATIC", default=False)
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1 * 1024 * 1024
SORA_TRASH_DAYS = env.int("SORA_TRASH_DAYS", default=30)
SORA_ARCHIVE_DAYS = env.int("SORA_ARCHIVE_DAYS", default=7)
SORA_MAX_ARCHIVE_BYTES = env.int("SORA_MAX_ARCHIVE_BYTES", default=4 * 1024**3)
SORA_MAX_UPLOAD_BYTES = env.int("SORA_MAX_UPLOAD_BYTES", default=200 * 1024 * 1024)  # verify

# --- Feeds -----------------------------------------------------------------------------------

SORA_FEATURED_APPROVALS = min(2, max(1, env.int("SORA_FEATURED_APPROVALS", default=1)))  # curators
SORA_BREAK_MINUTES = max(0, env.int("SORA_BREAK_MINUTES", default=0))  # of a feed; 0: no break card

# --- Uploads ---------------------------------------------------------------------------------

SORA_UPLOADS = env("SORA_UPLOADS", default="drawn")  # off | drawn | photos
SORA_MAX_UPLOAD_IMAGE_BYTES = env.int("SORA_MAX_UPLOAD_IMAGE_BYTES", default=30 * 1000**2)
SORA_MAX_UPLOAD_VIDEO_BYTES = env.int("SORA_MAX_UPLOAD_VIDEO_BYTES", default=500 * 1000**2)
SORA_MAX_UPLOAD_SECONDS = env.int("SORA_MAX_UPLOAD_SECONDS", default=60)
SORA_MAX_OPEN_UPLOADS = env.int("SORA_MAX_OPEN_UPLOADS", default=4)
SORA_UPLOAD_STORAGE_BYTES = env.int("SORA_UPLOAD_STORAGE_BYTES", default=5 * 1000**3)
SORA_SANDBOX = env("SORA_SANDBOX", default="auto")  # auto | strict
UPLOAD_CHUNK_BYTES = 4 * 1024 * 1024

# --- API -------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.BearerTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.permissions.IsAdult"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_VERSIONING_CLASS": None,
    "EXCEPTION_HANDLER": "sora_site.lib.errors.drf_exception_handler",
    # Without it anybody gets a new limit with every X-Forwarded-For they make up.
    "NUM_PROXIES": TRUSTED_PROXIES,
    "DEFAULT_THROTTLE_CLASSES": ["rest_framework.throttling.UserRateThrottle"],
    "DEFAULT_THROTTLE_RATES": {
        "user": env("SORA_API_RATE", default="600/min"),
        "verify": env("SORA_VERIFY_RATE", default="20/min"),
        "report": env("SORA_REPORT_RATE", default="20/hour"),
        "report_lookup": "60/hour",
    },
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": f"{SITE_NAME} API",
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "sora_site.schema.add_errors",
    ],
    "ENUM_NAME_OVERRIDES": {
        "GenerationStatus": "generation.models.Generation.Status",
        "MediaKind": ["image", "video", ""],
        "DraftKind": ["storyboard", "sequence"],
    },
}

# --- Security headers ------------------------------------------------------------------------

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:", *_media_origins()],
        "media-src": [SELF, "blob:", *_media_origins()],
        "connect-src": [SELF, "ws:", "wss:"],
        "frame-ancestors": ["'none'"],
        "base-uri": [SELF],
        # A sign-in form is answered with a redirect to the provider, which browsers count as its target.
        "form-action": [
            SELF,
            *(["/".join(OIDC_ISSUER_URL.split("/")[:3])] if OIDC_ISSUER_URL else []),
        ],
        "object-src": ["'none'"],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 31536000 if SECURE else 0
SECURE_SSL_REDIRECT = False
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None

# --- Language and time -----------------------------------------------------------------------

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

# --- Operations ------------------------------------------------------------------------------

LOG_FORMAT = env("LOG_FORMAT", default="text")
METRICS_TOKEN = env("METRICS_TOKEN", default="")  # "": /metrics answers this machine only
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"context": {"()": "sora_site.logs.ContextFilter"}},
    "formatters": {
        "text": {
            "format": "%(asctime)s %(levelname)s %(name)s [%(request_id)s %(job_id)s] %(message)s"
        },
        "json": {"()": "sora_site.logs.JsonFormatter"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": LOG_FORMAT,
            "filters": ["context"],
        }
    },
    "root": {"handlers": ["console"], "level": env("LOG_LEVEL", default="INFO")},
    "loggers": {
        "django.server": {"level": "WARNING"},
        "uvicorn.access": {"level": "WARNING"},
        "pika": {
            "level": "CRITICAL"
        },  # what it raises is logged by dramatiq, without ten lines each
    },
}
