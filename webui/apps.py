from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps
from django.utils.translation import gettext_lazy as _


class WebuiConfig(AppConfig):
    name = "webui"
    verbose_name = _("People")
    default = True

    def ready(self) -> None:
        # Models exist from here on; checks register themselves.
        from providers.signals import count_changes_of
        from webui import checks, demo  # noqa: F401
        from webui.models import SiteSettings

        count_changes_of(SiteSettings)
        demo.register()


class SiteAdminConfig(admin_apps.AdminConfig):
    """Django's admin with our site: `admin.site` and `@admin.register` are ours everywhere."""

    default_site = "webui.staff_site.SiteAdmin"
    default = False
