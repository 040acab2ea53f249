"""Every setting, each from the environment with a safe default. `.env.example` lists the variables."""

import re
import secrets
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet

from providers.process.storage_providers import storage_options
from webui.branding import colours
from webui.env import BASE_DIR, env, private_file, stored_secret

# --- Core -------------------------------------------------------------------------------------------------------------

DEBUG = env.flag("DEBUG", False)
DATA_DIR = Path(env.text("DATA_DIR") or BASE_DIR / "data")
SECRET_KEY = env.text("SECRET_KEY") or stored_secret(DATA_DIR / "secret_key", lambda: secrets.token_urlsafe(50))
# Fernet keys, newest first: the first encrypts, all decrypt.
env.checked(
    "FIELD_ENCRYPTION_KEYS", "", lambda raw: [Fernet(key.strip()) for key in raw.split(",") if key], "Fernet keys"
)
FIELD_ENCRYPTION_KEYS = env.items("FIELD_ENCRYPTION_KEYS") or [
    stored_secret(DATA_DIR / "field_encryption_key", lambda: Fernet.generate_key().decode())
]
# First values of the row that the administrator edits; empty: not set, so that no start writes it.
SITE_NAME = env.text("SITE_NAME")
SITE_ACCENT = env.checked("SITE_ACCENT", "", colours.check, "a colour such as #0b6471")
SITE_LOGO = env.text("SITE_LOGO")
SITE_URL = env.origin("SITE_URL")
# The modules that know where links begin and what the site is called, for the apps below.
SITE_ADDRESS = "webui.address"
SITE_LOOK = "webui.branding.current"
ALLOWED_HOSTS = env.items("ALLOWED_HOSTS") or ["localhost", "127.0.0.1", "[::1]"]
CSRF_TRUSTED_ORIGINS = env.items("CSRF_TRUSTED_ORIGINS")
if SITE_URL:  # the site's own address is always allowed
    ALLOWED_HOSTS = [*ALLOWED_HOSTS, re.sub(r":\d+$", "", urlsplit(SITE_URL).netloc)]
    CSRF_TRUSTED_ORIGINS = [*CSRF_TRUSTED_ORIGINS, SITE_URL]

# daphne's app only replaces `runserver`; elsewhere it would cost every command half a second and 20 MB.
INSTALLED_APPS = [
    *(["daphne"] if "runserver" in sys.argv else []),
    "webui",
    "imagegen",
    "chat",
    "providers",
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.simple_history",
    "simple_history",
    "webui.apps.SiteAdminConfig",
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
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
]

# Django's middleware in versions that run on the event loop (see webui/layers/onloop.py).
MIDDLEWARE = [
    "webui.layers.middleware.SiteMiddleware",
    "webui.layers.onloop.Security",
    "webui.layers.onloop.Compression",
    "webui.layers.onloop.Session",
    "webui.layers.onloop.Locale",
    "webui.layers.onloop.Common",
    "webui.layers.onloop.Csrf",
    "webui.layers.onloop.Authentication",
    "webui.layers.onloop.Messages",
    "allauth.account.middleware.AccountMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
]

SILENCED_SYSTEM_CHECKS = ["security.W001", "security.W003"]  # both look for Django's own class names

ROOT_URLCONF = "webui.urls"
ASGI_APPLICATION = "webui.asgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "webui.context.site",
            ],
            "libraries": {"breadcrumbs": "webui.admin.breadcrumbs"},
        },
    }
]

# --- Database, cache, channels ----------------------------------------------------------------------------------------

DATABASES: dict[str, dict[str, Any]] = {"default": env.database("DATABASE_URL", f"sqlite:///{DATA_DIR}/db.sqlite3")}
_database = DATABASES["default"]
if _database["ENGINE"] == "django.db.backends.sqlite3":
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",  # a writer waits at BEGIN instead of failing half-way with "locked"
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
    }
    if Path(str(_database["NAME"])).is_absolute():
        private_file(Path(_database["NAME"]))
    _database["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}  # a file, so that server threads see the same data
elif _database["ENGINE"] == "django.db.backends.postgresql":
    _database["ENGINE"] = "webui.postgresql"  # its pool keeps connections open
    _database["OPTIONS"] = {
        # A server that is gone is noticed in seconds, when connecting and while waiting for an answer.
        "connect_timeout": 3,
        "keepalives_idle": 15,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,
        **_database.get("OPTIONS", {}),  # options in the URL
    }
DATABASE_POOL_SIZE = env.whole("DATABASE_POOL_SIZE", 10)
STRICT_WAITING = False  # whether a wait in a transaction or small thread pool is an error (tests) or logged
if "serve" in sys.argv and _database["ENGINE"] == "django.db.backends.sqlite3":
    # Two packages import psycopg where they find it: 10 MB and 0.3 s of a start that has no use for it.
    sys.modules.setdefault("psycopg", None)  # type: ignore[arg-type]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.redis("REDIS_URL")
REDIS_PREFIX = env.text("REDIS_PREFIX", "webui")
if REDIS_URL:
    CACHES: dict[str, Any] = {
        "default": {
            "BACKEND": "webui.cache.SiteRedisCache",
            "LOCATION": REDIS_URL,
            "KEY_PREFIX": REDIS_PREFIX,
            "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
        }
    }
    CHANNEL_LAYERS: dict[str, Any] = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [REDIS_URL], "prefix": REDIS_PREFIX},
        }
    }
else:
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer", "CONFIG": {"capacity": 1000}}}

# --- Accounts ---------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "webui.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS: list[dict[str, Any]] = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("email", "name")},
    },
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "webui.accounts.adapter.AccountAdapter"
SOCIALACCOUNT_ADAPTER = "webui.accounts.adapter.SocialAccountAdapter"
ACCOUNT_FORMS = {
    "login": "webui.accounts.forms.LoginForm",
    "signup": "webui.accounts.forms.SignupForm",
    "change_password": "webui.accounts.forms.ChangePasswordForm",
    "set_password": "webui.accounts.forms.SetPasswordForm",
    "reset_password": "webui.accounts.forms.ResetPasswordForm",
    "reset_password_from_key": "webui.accounts.forms.ResetPasswordKeyForm",
}
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGOUT_ON_GET = False
# The library's own count for an address names the Host header too, which a visitor chooses.
ACCOUNT_RATE_LIMITS = {"login_failed": "10/m/ip", "sign_in_address": "5/300s/key"}
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGIN_ON_PASSWORD_RESET = True  # the link already proves who they are
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if SITE_URL.startswith("https://") else "http"
ENABLE_SIGNUP = env.flag("ENABLE_SIGNUP", False)
WEBUI_ADMIN_EMAIL = env.text("WEBUI_ADMIN_EMAIL")
WEBUI_ADMIN_PASSWORD = env.text("WEBUI_ADMIN_PASSWORD")

# OpenID Connect: set the three and a button appears on the login page.
OPENID_PROVIDER_URL = env.text("OPENID_PROVIDER_URL")
OAUTH_CLIENT_ID = env.text("OAUTH_CLIENT_ID")
OAUTH_CLIENT_SECRET = env.text("OAUTH_CLIENT_SECRET")
OAUTH_PROVIDER_NAME = env.text("OAUTH_PROVIDER_NAME", "SSO")
OAUTH_SCOPES = env.text("OAUTH_SCOPES", "openid email profile")
ENABLE_OAUTH_SIGNUP = env.flag("ENABLE_OAUTH_SIGNUP", True)
# Whether a verified address alone opens the account that has it here; else its password does, once.
OAUTH_MERGE_ACCOUNTS_BY_EMAIL = env.flag("OAUTH_MERGE_ACCOUNTS_BY_EMAIL", False)
# Whether the text "true" verifies an address as well as JSON's own true does.
OAUTH_EMAIL_VERIFIED_AS_TEXT = env.flag("OAUTH_EMAIL_VERIFIED_AS_TEXT", False)
SOCIALACCOUNT_STORE_TOKENS = False  # each session keeps its own, see providers/sign_ins.py
SOCIALACCOUNT_EMAIL_AUTHENTICATION = SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = OAUTH_MERGE_ACCOUNTS_BY_EMAIL
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = {}
if OPENID_PROVIDER_URL:
    SOCIALACCOUNT_PROVIDERS["openid_connect"] = {
        "provider_class": "webui.accounts.openid.sign_in.SiteOpenIDProvider",
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                "provider_id": "oidc",
                "name": OAUTH_PROVIDER_NAME,
                "client_id": OAUTH_CLIENT_ID,
                "secret": OAUTH_CLIENT_SECRET,
                "settings": {"server_url": OPENID_PROVIDER_URL, "scope": OAUTH_SCOPES.split()},
            }
        ],
    }

# --- E-mail (password resets) ----------------------------------------------------------------------------------------

_email = env.email("EMAIL_URL")
EMAIL_ENABLED = bool(_email)
# Where mail can be sent, whoever makes an account proves the address before it can be used.
ACCOUNT_EMAIL_VERIFICATION = "mandatory" if EMAIL_ENABLED else "none"
EMAIL_BACKEND = _email.get("EMAIL_BACKEND", "django.core.mail.backends.dummy.EmailBackend")
EMAIL_HOST = _email.get("EMAIL_HOST", "localhost")
EMAIL_PORT = _email.get("EMAIL_PORT") or 25
EMAIL_HOST_USER = _email.get("EMAIL_HOST_USER") or ""
EMAIL_HOST_PASSWORD = _email.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS = bool(_email.get("EMAIL_USE_TLS", False))
EMAIL_USE_SSL = bool(_email.get("EMAIL_USE_SSL", False))
EMAIL_FILE_PATH = _email.get("EMAIL_FILE_PATH")
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", EMAIL_HOST_USER if "@" in EMAIL_HOST_USER else "webui@localhost")

# --- Web safety -------------------------------------------------------------------------------------------------------

_https = SITE_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SESSION_ENGINE = "webui.accounts.sessions"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 60 * 60 * 24 * 30
CSRF_FAILURE_VIEW = "webui.errors.csrf_failure"
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = env.whole("SECURE_HSTS_SECONDS", 0)
BEHIND_PROXY = env.flag("BEHIND_PROXY", False)
TRUSTED_PROXY_COUNT = max(1, env.whole("TRUSTED_PROXY_COUNT", 1)) if BEHIND_PROXY else 0
if BEHIND_PROXY:  # proxies set X-Forwarded-For and X-Forwarded-Proto, see `webui.layers.forwarded`
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    ALLAUTH_TRUSTED_PROXY_COUNT = 1  # the address that sign-in attempts are counted by: one is left by then
SOCKETS_PER_PERSON = env.whole("SOCKETS_PER_PERSON", 20)  # in one process; the oldest gives way
SOCKETS_PER_ADDRESS = env.whole("SOCKETS_PER_ADDRESS", 200)
SOCKET_MESSAGES_PER_SECOND = env.whole("SOCKET_MESSAGES_PER_SECOND", 20)
# Chat requests carry pictures as base64; the lane enforces the same limit.
DATA_UPLOAD_MAX_MEMORY_SIZE = env.whole("MAX_BODY_BYTES", 64 * 1024 * 1024)

# --- Language, time, static files -------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = env.time_zone("TIME_ZONE", "UTC")
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
SERVESTATIC_KEEP_ONLY_HASHED_FILES = True
SERVESTATIC_USE_BROTLI = False  # seven seconds more of a first start would save a sixth of the bytes
STORAGES: dict[str, dict[str, Any]] = {
    "default": storage_options(env, DATA_DIR),
    "staticfiles": {"BACKEND": "webui.layers.static.SiteStaticFilesStorage"},
}

# --- API --------------------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "providers.authentication.KeyAuthentication",
        "providers.authentication.BrowserAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["providers.json_bodies.SiteJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "webui.schema.operations.SiteSchema",
    "EXCEPTION_HANDLER": "providers.responses.error_responses.handle_exception",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "PREPROCESSING_HOOKS": ["webui.schema.hooks.without_twins"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "webui.schema.hooks.anything_may_be_null",
        "webui.schema.hooks.titled",
    ],
}

# --- Connections: first values of the rows, and limits ----------------------------------------------------------------

ENABLE_PERSISTENT_CONFIG = env.flag("ENABLE_PERSISTENT_CONFIG", True)
WEBUI_DEMO = env.flag("WEBUI_DEMO", True)
# None: not set, so that no start writes it (see providers/config/first_rows.py).
ENABLE_OPENAI_API = env.flag("ENABLE_OPENAI_API", True) if env.text("ENABLE_OPENAI_API") else None
OPENAI_API_BASE_URLS = env.items("OPENAI_API_BASE_URLS", separator=";")
OPENAI_API_KEYS = env.items("OPENAI_API_KEYS", separator=";")
OPENAI_API_CONFIGS: dict[str, dict[str, Any]] = env.json("OPENAI_API_CONFIGS", {}, kind=dict)
OPENAI_API_BASE_URL = env.text("OPENAI_API_BASE_URL").removesuffix("/")
OPENAI_API_KEY = env.text("OPENAI_API_KEY")
TASK_MODEL = env.text("TASK_MODEL")
TASK_MODEL_EXTERNAL = env.text("TASK_MODEL_EXTERNAL")
SPEECH_MODEL = env.text("AUDIO_TTS_MODEL")
SPEECH_VOICE = env.text("AUDIO_TTS_VOICE")
TRANSCRIPTION_MODEL = env.text("AUDIO_STT_MODEL")

UPSTREAM_TIMEOUT = env.seconds("AIOHTTP_CLIENT_TIMEOUT", 300.0)  # between lines of a stream; else the whole answer
UPSTREAM_CONNECT_TIMEOUT = env.seconds("UPSTREAM_CONNECT_TIMEOUT", 10.0)
UPSTREAM_FIRST_BYTE_TIMEOUT = env.seconds("UPSTREAM_FIRST_BYTE_TIMEOUT", UPSTREAM_TIMEOUT)
MODEL_LIST_TIMEOUT = env.seconds(
    "AIOHTTP_CLIENT_TIMEOUT_MODEL_LIST", env.seconds("AIOHTTP_CLIENT_TIMEOUT_OPENAI_MODEL_LIST", 10.0)
)
UPSTREAM_VERIFY_TLS = env.flag("AIOHTTP_CLIENT_SESSION_SSL", True)
MODELS_CACHE_TTL = env.seconds("MODELS_CACHE_TTL", 300.0)  # seconds a model list is fresh; empty = never asked again
BYPASS_MODEL_ACCESS_CONTROL = env.flag("BYPASS_MODEL_ACCESS_CONTROL", False)
ENABLE_FORWARD_USER_INFO_HEADERS = env.flag("ENABLE_FORWARD_USER_INFO_HEADERS", False)
FORWARD_USER_INFO_HEADER_PREFIX = env.text("FORWARD_USER_INFO_HEADER_PREFIX", "X-OpenWebUI-")
FORWARD_USER_INFO_HEADER_JWT_SECRET = env.text("FORWARD_USER_INFO_HEADER_JWT_SECRET")
SPEECH_CACHE_BYTES = env.whole("SPEECH_CACHE_BYTES", 500 * 1024 * 1024)  # 0 stores no audio
GATEWAY_LANE = env.flag("GATEWAY_LANE", True)  # false sends API keys through the Django views too
CONFIG_CHECK_SECONDS = 0.5  # how long a process uses its snapshot before it reads the version

STOP_GRACE_SECONDS = env.span("STOP_GRACE_SECONDS", 5.0)  # how long a stop waits for answers

# --- Housekeeping: days after which rows go; 0 keeps them (see webui/housekeeping.py) ---------------------------------

HOUSEKEEPING_HOURS = env.hours("HOUSEKEEPING_HOURS", 24)  # between two runs of a serving site; 0: by hand only
PRICES_REFRESH = env.flag("PRICES_REFRESH", False)  # whether the list of well-known prices keeps itself up to date
BUDGET_WEBHOOK_URL = env.text("BUDGET_WEBHOOK_URL")
if TRACING := bool(_collector := env.text("OTEL_EXPORTER_OTLP_ENDPOINT")):  # spans of OpenTelemetry are sent there
    env.export("OTEL_EXPORTER_OTLP_ENDPOINT", _collector)
USAGE_DAYS = env.days("USAGE_DAYS", 400)  # records of calls: more than a year, so that years can be compared
RESPONSE_DAYS = env.days("RESPONSE_DAYS", 30)  # who made which response; OpenAI keeps them as long
JOB_DAYS = env.days("JOB_DAYS", 90)  # picture jobs that have ended; their pictures stay
HISTORY_DAYS = env.days("HISTORY_DAYS", 730)  # who changed what; the newest version of each row stays

# --- Chat -------------------------------------------------------------------------------------------------------------

# The handlers between a message and the model, in order; `chat.pipeline` says how to add one.
CHAT_PIPELINE: list[str] = [
    "chat.assistants.AssistantHandler",
    "chat.memory.MemoryHandler",
    "chat.websearch.WebSearchHandler",
    "imagegen.conversation.handler.ImageHandler",
    "chat.filters.FilterHandler",
]
# First values of the row that the administrator edits; `chat.first_rows` knows what each means.
CHAT_CONFIG: dict[str, Any] = {
    name: env.flag(name, False)
    for name in ("ENABLE_TITLE_GENERATION", "ENABLE_FOLLOW_UP_GENERATION", "ENABLE_MEMORIES", "ENABLE_WEB_SEARCH")
    if env.text(name)  # empty is not set: what is on by default stays on
}
if env.text("SEARXNG_QUERY_URL"):
    CHAT_CONFIG["SEARXNG_QUERY_URL"] = env.text("SEARXNG_QUERY_URL")
if env.text("WEB_SEARCH_RESULT_COUNT"):
    CHAT_CONFIG["WEB_SEARCH_RESULT_COUNT"] = env.whole("WEB_SEARCH_RESULT_COUNT", 5)
# The tools that models may call while they answer; `chat.tools` says how to add one.
CHAT_TOOLS: list[str] = [
    "imagegen.conversation.tools.GenerateImage",
    "imagegen.conversation.tools.EditImage",
    "chat.memory.tools.Remember",
]
CHAT_TOOL_SOURCES: list[str] = ["chat.tool_servers.source.ServerTools"]  # tools that depend on rows
ENABLE_TOOL_PROGRAMS = env.flag("ENABLE_TOOL_PROGRAMS", False)  # tool servers may be programs that this site starts
TOOL_APPROVAL_SECONDS = env.span("TOOL_APPROVAL_SECONDS", 600.0, least=1)  # an answer waits for a permission
TOOL_LIST_SECONDS = env.span("TOOL_LIST_SECONDS", 900.0, least=1)  # after which a server's tools are listed anew
CHAT_ANSWER_MAX_CHARACTERS = env.whole("CHAT_ANSWER_MAX_CHARACTERS", 2_000_000)  # of one answer with its reasoning
FILE_MAX_BYTES = env.whole("FILE_MAX_BYTES", 50 * 1024 * 1024)  # of one file
# Work in the background with a person's data, by its kind; `chat.transfers` says how to add one.
CHAT_TRANSFERS = {
    "import": "chat.imports.work.run",
    "export": "chat.belongings.export.run",
    "erasure": "chat.belongings.erasure.run",
}
# What people have here, in the order of pages and archives; `chat.belongings` says how to add a thing.
BELONGINGS: list[str] = [
    *(f"chat.belongings.things.{name}" for name in ("Chats", "Folders", "Files")),
    *(f"imagegen.belongings.{name}" for name in ("PictureJobs", "PictureStars")),
    "chat.feedback.belongings.OwnFeedback",
    "chat.tool_servers.belongings.Grants",
    "chat.assistants.belongings.Assistants",
    "chat.prompts.belongings.Prompts",
    *(f"chat.belongings.things.{name}" for name in ("Drafts", "QueuedMessages", "Memories")),
    *(f"chat.belongings.things.{name}" for name in ("OwnPreferences", "Transfers")),
]
IMPORT_MAX_BYTES = env.whole("IMPORT_MAX_BYTES", 1_000_000_000)  # of one uploaded export of another site
EXPORT_MAX_BYTES = env.whole("EXPORT_MAX_BYTES", 0)  # of an archive of everything that one has; 0 = no limit
EXPORT_DAYS = max(1, env.days("EXPORT_DAYS", 7))  # how long such an archive is kept
FILE_QUOTA_BYTES = env.whole("FILE_QUOTA_BYTES", 0)  # of one person's files together; 0 = no limit
PICTURE_MAX_PIXELS = env.whole("PICTURE_MAX_PIXELS", 50_000_000)  # of one picture, width times height
# Pictures and PDFs are decoded in processes of their own: how many at once, and what one file may take.
DECODING_WORKERS = env.whole("DECODING_WORKERS", 2)
DECODING_SECONDS = env.span("DECODING_SECONDS", 10.0, least=0.1)
DECODING_MEMORY_BYTES = env.whole("DECODING_MEMORY_BYTES", 512 * 1024 * 1024)
TEMPORARY_FILE_HOURS = env.hours("TEMPORARY_FILE_HOURS", 24)  # how long files of temporary chats stay
# Starters of the empty page, and its tasks for administrators (see chat/pages/welcome.py).
STARTERS = [
    "chat.assistants.starters.own_starters",
    *(
        f"chat.pages.welcome.{name}"
        for name in ("recent_work", "assistant_starters", "feature_starters", "document_starters", "text_starters")
    ),
]
CHECKLIST = ["chat.pages.welcome.provider_connected", "chat.pages.welcome.people_invited"]
METRICS_TOKEN = env.text("METRICS_TOKEN")  # when set, /metrics asks for it as a Bearer token

# --- Pictures: first values of the rows -------------------------------------------------------------------------------

# The flat form's keys that the environment gives; `imagegen.config` knows what each means.
IMAGE_CONFIG: dict[str, Any] = {
    **{
        name: env.flag(name, False)
        for name in ("ENABLE_IMAGE_GENERATION", "ENABLE_IMAGE_PROMPT_GENERATION", "ENABLE_IMAGE_EDIT")
        if env.is_set(name)
    },
    **{
        name: env.text(name)
        for name in (
            "IMAGE_GENERATION_ENGINE",
            "IMAGE_GENERATION_MODEL",
            "IMAGE_SIZE",
            "IMAGE_STEPS",
            "IMAGE_PROMPT_GENERATION_PROMPT_TEMPLATE",
            "IMAGES_OPENAI_API_BASE_URL",
            "IMAGES_OPENAI_API_KEY",
            "IMAGES_OPENAI_API_VERSION",
            "IMAGES_OPENAI_API_PARAMS",
            "IMAGES_OPENAI_PARAMS",
            "IMAGES_GEMINI_API_BASE_URL",
            "IMAGES_GEMINI_API_KEY",
            "IMAGES_GEMINI_ENDPOINT_METHOD",
            "AUTOMATIC1111_BASE_URL",
            "AUTOMATIC1111_API_AUTH",
            "AUTOMATIC1111_PARAMS",
            "COMFYUI_BASE_URL",
            "COMFYUI_API_KEY",
            "COMFYUI_WORKFLOW",
            "COMFYUI_WORKFLOW_NODES",
            "IMAGE_EDIT_ENGINE",
            "IMAGE_EDIT_MODEL",
            "IMAGE_EDIT_SIZE",
            "IMAGES_EDIT_OPENAI_API_BASE_URL",
            "IMAGES_EDIT_OPENAI_API_KEY",
            "IMAGES_EDIT_OPENAI_API_VERSION",
            "IMAGES_EDIT_GEMINI_API_BASE_URL",
            "IMAGES_EDIT_GEMINI_API_KEY",
            "IMAGES_EDIT_COMFYUI_BASE_URL",
            "IMAGES_EDIT_COMFYUI_API_KEY",
            "IMAGES_EDIT_COMFYUI_WORKFLOW",
            "IMAGES_EDIT_COMFYUI_WORKFLOW_NODES",
        )
        if env.is_set(name)
    },
}
GEMINI_API_BASE_URL = env.text("GEMINI_API_BASE_URL")
GEMINI_API_KEY = env.text("GEMINI_API_KEY")

# --- Logs -------------------------------------------------------------------------------------------------------------

LOG_LEVEL = env.one_of("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"))
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname:<7} {request_id}{name}: {message}", "style": "{"}},
    "filters": {
        "request_id": {"()": "webui.request_id.RequestIdFilter"},
        "once_per_minute": {"()": "webui.logs.OncePerMinute"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["once_per_minute", "request_id"],
        },
    },
    "root": {
        "handlers": ["console"],
        "level": LOG_LEVEL,
    },
    "loggers": {
        "daphne": {"level": "WARNING"},
        "django.request": {"level": "ERROR"},  # errors of callers are in their responses
        "django.channels.server": {"level": "WARNING"},
        "aiohttp.access": {"level": "WARNING"},
        # At a finer level they write what they send: headers, signatures, session keys among the parameters.
        "azure": {"level": "WARNING"},
        "botocore": {"level": "INFO"},
        "google": {"level": "INFO"},
        "httpx2": {"level": "WARNING"},
        "mcp": {"level": "CRITICAL"},  # its errors quote what servers sent; ours say what matters
        "msal": {"level": "INFO"},
        "urllib3": {"level": "INFO"},
        "websockets": {"level": "INFO"},
        "django.db.backends": {"level": "INFO"},
    },
}

# --- Admin ------------------------------------------------------------------------------------------------------------

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "webui.admin.look.site_name",  # a dotted name is called; the name of a site might look like one
    "SITE_HEADER": "webui.admin.look.site_name",
    "SITE_ICON": "webui.admin.look.logo",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "webui.admin.look.logo"}],
    "STYLES": ["webui.admin.look.style", "webui.admin.look.preview_style"],
    "SCRIPTS": ["webui.admin.look.script"],
    "THEME": "webui.admin.look.theme",
    "COLORS": {"primary": "webui.admin.look.accent"},
    "SHOW_HISTORY": True,
    "SHOW_LANGUAGES": True,
    "SHOW_BACK_BUTTON": True,
    "ACCOUNT": {"navigation": "webui.admin.look.account_links"},
    "SIDEBAR": {"show_search": True, "navigation": "webui.admin.look.sidebar"},
    "DASHBOARD_CALLBACK": "webui.admin.dashboard.fill",
}
SIMPLE_HISTORY_HISTORY_CHANGE_REASON_USE_TEXT_FIELD = False
