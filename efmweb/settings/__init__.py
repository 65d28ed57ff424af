"""Django's settings: one module, no dev/prod split, safe on a laptop as it stands.

Everything that may differ between two machines comes from `env.py`. A laptop gets loopback hosts,
a generated key and the embedded services; `EFM_PRODUCTION=1` asks for the secrets and turns on
what needs https.
"""

import logging
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from efmweb.logs import configure_structlog, logging_config, use_json
from efmweb.settings import env, services

ENVIRONMENT = env.read()
ROOT = env.ROOT
EFM_VAR = ENVIRONMENT.var
EFM_PRODUCTION = ENVIRONMENT.production

# --- Security -----------------------------------------------------------------------------------

DEBUG = ENVIRONMENT.debug
SECRET_KEY = ENVIRONMENT.secret_key or env.kept_secret(EFM_VAR / "secret_key")
ALLOWED_HOSTS = list(ENVIRONMENT.allowed_hosts or env.LOOPBACK_HOSTS)
CSRF_TRUSTED_ORIGINS = list(ENVIRONMENT.trusted_origins)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = EFM_PRODUCTION
SESSION_COOKIE_NAME = "efm_session"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_SSL_REDIRECT = EFM_PRODUCTION
SECURE_REDIRECT_EXEMPT = [r"^health$", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000 if EFM_PRODUCTION else 0
SECURE_REFERRER_POLICY = "same-origin"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ENVIRONMENT.behind_proxy else None
X_FRAME_OPTIONS = "DENY"
# Pages carry no inline script besides their import map, which the middleware lets through by a
# nonce. Plotly writes style elements, hence 'unsafe-inline' for styles alone.
CONTENT_SECURITY_POLICY: dict[str, tuple[str, ...]] = {
    "default-src": ("'self'",),
    "script-src": ("'self'",),
    "style-src": ("'self'", "'unsafe-inline'"),
    "img-src": ("'self'", "data:", "blob:"),
    "media-src": ("'self'", "blob:"),
    "worker-src": ("'self'", "blob:"),
    "object-src": ("'none'",),
    "base-uri": ("'none'",),
    "form-action": ("'self'",),
    "frame-ancestors": ("'none'",),
}

# --- Application --------------------------------------------------------------------------------

INSTALLED_APPS = [
    "practice.apps.PracticeConfig",
    "efmweb.apps.ComposeConfig",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.forms",
    "channels",
    "django_filters",
    "django_htmx",
    "django_structlog",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "knox",
    "rest_framework",
    "servestatic",
]
MIDDLEWARE = [
    "efmweb.middleware.security_headers",
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "efmweb.urls"
ASGI_APPLICATION = "efmweb.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "libraries": {
                "ui": "practice.web.templatetags.ui",
                "quality": "practice.web.templatetags.quality",
            },
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]
# templates/django/forms/ replaces the markup of Django's own form templates.
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

AUTH_USER_MODEL = "practice.User"
# Tokens are rows of practice.ApiToken; knox's own table would stay empty and without a model.
MIGRATION_MODULES = {"knox": None}
LOGIN_URL = "/sign-in/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/sign-in/"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
    )
]

LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE = ENVIRONMENT.time_zone
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Files --------------------------------------------------------------------------------------

EFM_BLOBS = Path(ENVIRONMENT.blobs) if ENVIRONMENT.blobs else EFM_VAR / "blobs"
EFM_RUNS = EFM_VAR / "runs"
EFM_FRAMES = EFM_VAR / "frames"
EFM_EMBODIMENTS = Path(ENVIRONMENT.embodiments or EFM_VAR / "embodiments").expanduser().absolute()
EFM_BASES = Path(ENVIRONMENT.bases or EFM_VAR / "bases").expanduser().absolute()
# The core knows no Django: here and in every process that is started from here, it looks there.
os.environ.update(EFM_EMBODIMENTS=str(EFM_EMBODIMENTS), EFM_BASES=str(EFM_BASES))
FILE_UPLOAD_TEMP_DIR = EFM_VAR / "uploads"
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]
# Form fields and JSON bodies; uploaded files are bounded by EFM_UPLOAD_LIMIT instead.
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 2**20
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000
DATA_UPLOAD_MAX_NUMBER_FILES = 10
EFM_UPLOAD_LIMIT = ENVIRONMENT.upload_megabytes * 2**20
EFM_DISK_RESERVE = ENVIRONMENT.disk_reserve_megabytes * 2**20
EFM_IMPORT_FOLDERS = tuple(
    Path(name).expanduser().absolute() for name in ENVIRONMENT.import_folders
)
EFM_FRAMES_IN_MEMORY = ENVIRONMENT.frames_in_memory_megabytes * 2**20
EFM_FRAME_CACHE = ENVIRONMENT.frame_cache_megabytes * 2**20
EFM_GPUS_PER_RUN = ENVIRONMENT.gpus_per_run
EFM_HUB_TOKEN = ENVIRONMENT.hub_token
EFM_HUB_URL = ENVIRONMENT.hub_url.rstrip("/")

STATIC_URL = "/static/"
STATIC_ROOT = EFM_VAR / "static"
STATICFILES_DIRS = [ROOT / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "efmweb.staticfiles.PackageFileFinder",
]
# Files of installed packages that pages use: name under /static/ -> (package, file inside it).
STATICFILES_FROM_PACKAGES = {
    "vendor/plotly/plotly.min.js": ("plotly", "package_data/plotly.min.js"),
}
STORAGES: dict[str, Any] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "servestatic.storage.CompressedManifestStaticFilesStorage"
        if EFM_PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
# On a laptop files come straight from where they lie, so a start needs no collectstatic.
SERVESTATIC_USE_FINDERS = not EFM_PRODUCTION
SERVESTATIC_AUTOREFRESH = DEBUG
SERVESTATIC_MAX_AGE = 3600 if EFM_PRODUCTION else 0
SERVESTATIC_ALLOW_ALL_ORIGINS = False

# --- Database, Redis, channels ------------------------------------------------------------------

DATABASES = {"default": services.database(ENVIRONMENT)}
EFM_REDIS_URL = services.redis_url(ENVIRONMENT)
# Redis publishes across its numbered databases, so a prefix is what keeps two sites apart.
EFM_REDIS_PREFIX = ENVIRONMENT.redis_prefix
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": EFM_REDIS_URL,
        "KEY_PREFIX": f"{EFM_REDIS_PREFIX}:cache",
    }
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {
            "hosts": [EFM_REDIS_URL],
            "prefix": f"{EFM_REDIS_PREFIX}:channels",
            # Events are hints: a slow reader loses the oldest and reads the rows again.
            "capacity": 1000,
            "expiry": 30,
        },
    }
}

# --- Celery -------------------------------------------------------------------------------------

CELERY_BROKER_URL = services.broker_url(EFM_REDIS_URL)
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "global_keyprefix": f"{EFM_REDIS_PREFIX}:celery:",
    # A message not acknowledged for this long is delivered again. A run lasts longer; the lease
    # on its row makes the second delivery harmless.
    "visibility_timeout": 3600,
    "socket_keepalive": True,
    "health_check_interval": 25,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_TASK_DEFAULT_QUEUE = "cpu"
CELERY_TASK_CREATE_MISSING_QUEUES = True
CELERY_TIMEZONE = "UTC"

# --- API ----------------------------------------------------------------------------------------

KNOX_TOKEN_MODEL = "practice.ApiToken"  # noqa: S105 - the name of a model
REST_KNOX = {
    "TOKEN_MODEL": KNOX_TOKEN_MODEL,
    "TOKEN_TTL": timedelta(days=ENVIRONMENT.token_days),
    "TOKEN_PREFIX": "efm_",
}
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "practice.api.authentication.ApiTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": [
        "rest_framework.parsers.JSONParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.LimitOffsetPagination",
    "PAGE_SIZE": 50,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_RATES": {"sign-in": "10/minute"},
    "EXCEPTION_HANDLER": "practice.api.errors.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "efmweb",
    "DESCRIPTION": "Define tasks, upload demonstrations, launch and watch practice.",
    "VERSION": "0.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# --- Logs ---------------------------------------------------------------------------------------

_AS_JSON = use_json(ENVIRONMENT.log_format, production=EFM_PRODUCTION)
LOGGING = logging_config(as_json=_AS_JSON, level=ENVIRONMENT.log_level)
DJANGO_STRUCTLOG_CELERY_ENABLED = True
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = logging.DEBUG
# Beat sends a job every few seconds; what runs do stands in their own log.
DJANGO_STRUCTLOG_CELERY_TASK_START_LOG_LEVEL = logging.DEBUG
DJANGO_STRUCTLOG_CELERY_TASK_SUCCESS_LOG_LEVEL = logging.DEBUG
DJANGO_STRUCTLOG_CELERY_DEFAULT_LOG_LEVEL = logging.DEBUG
configure_structlog(as_json=_AS_JSON)
