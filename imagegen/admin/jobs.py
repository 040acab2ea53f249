"""The list of picture jobs: owner, engine, progress; with buttons to cancel and retry."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.html import format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.decorators import action, display

from imagegen import services
from imagegen.models import ImageJob
from providers import stored_errors
from providers.admin.base import AdminPages, Label
from providers.callers import caller_for_user
from providers.errors import GatewayError

LABELS = {"queued": "info", "running": "info", "succeeded": "success", "failed": "danger", "cancelled": "warning"}


@admin.register(ImageJob)
class ImageJobAdmin(AdminPages, ModelAdmin):  # type: ignore[misc]
    tells_names = False
    list_display = ("state_now", "short_prompt", "user", "engine", "attempts", "created", "ended")
    list_display_links = ("short_prompt",)
    list_filter = (("state", ChoicesDropdownFilter), ("engine", RelatedDropdownFilter), "created")
    list_filter_submit = True
    list_select_related = ("user", "engine")
    search_fields = ("prompt", "user__email")
    actions_row = ("cancel_row", "retry_row")
    actions_detail = ("cancel_now", "retry_now")
    fieldsets = (
        (None, {"fields": ("state_now", "failure", "pictures", "prompt", "user", "engine")}),
        (gettext_lazy("Request"), {"fields": ("request", "upstream_id", "attempts")}),
        (gettext_lazy("Times"), {"fields": ("created", "started", "ended")}),
    )
    readonly_fields = ("state_now", "failure", "pictures")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_cancel_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("imagegen.change_imagejob"))

    @display(description=gettext_lazy("State"), ordering="state", label=LABELS)
    def state_now(self, job: ImageJob) -> Label:
        label = str(job.get_state_display())
        fraction = job.progress.get("fraction") if job.state == ImageJob.State.RUNNING else None
        return Label(job.state, f"{label} · {fraction:.0%}" if isinstance(fraction, float) else label)

    @display(description=gettext_lazy("Prompt"), ordering="prompt")
    def short_prompt(self, job: ImageJob) -> str:
        return job.prompt[:80] + ("…" if len(job.prompt) > 80 else "")

    @display(description=gettext_lazy("Error"))
    def failure(self, job: ImageJob) -> str:
        if not job.error:
            return "–"
        return stored_errors.cause(job.error, "")

    @display(description=gettext_lazy("Pictures"))
    def pictures(self, job: ImageJob) -> str:
        rows = list(job.files.all())
        if not rows:
            return "–"
        return format_html_join(
            "", '<a href="{}"><img class="job-picture" src="{}?w=256" alt=""></a>', ((row.url, row.url) for row in rows)
        )

    @action(description=gettext_lazy("Cancel"), permissions=["cancel"], icon="cancel", url_path="cancel")
    def cancel_now(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._do(request, object_id, self._cancel)

    @action(description=gettext_lazy("Retry"), permissions=["cancel"], icon="replay", url_path="retry")
    def retry_now(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._do(request, object_id, self._retry)

    @action(description=gettext_lazy("Cancel"), permissions=["cancel"], icon="cancel", url_path="cancel-row")
    def cancel_row(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._do(request, object_id, self._cancel, to_list=True)

    @action(description=gettext_lazy("Retry"), permissions=["cancel"], icon="replay", url_path="retry-row")
    def retry_row(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._do(request, object_id, self._retry, to_list=True)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ImageJob]:
        return super().get_queryset(request).defer("request")  # type: ignore[no-any-return]

    def _do(self, request: HttpRequest, object_id: str, verb: Any, *, to_list: bool = False) -> HttpResponse:
        job = self.get_object(request, object_id)
        if job is not None:
            try:
                self.message_user(request, verb(job), messages.SUCCESS)
            except GatewayError as error:
                self.message_user(request, error.message, messages.ERROR)
        if to_list or job is None:
            return redirect("admin:imagegen_imagejob_changelist")
        return redirect("admin:imagegen_imagejob_change", object_id)

    @staticmethod
    def _cancel(job: ImageJob) -> str:
        services.cancel_job(job)
        return _("The job is being cancelled.")

    @staticmethod
    def _retry(job: ImageJob) -> str:
        caller = caller_for_user(job.user, sign_in=job.sign_in)  # in the name of the person whose job it is
        services.retry_job(caller, job)
        return _("The same request is in the queue again.")
