from django.urls import include, path, re_path

from imagegen import api, openai_api
from imagegen.config import views
from imagegen.conversation.api import DescribePicture, ImagePrompt

JOBS = "api/v1/images/jobs"

urlpatterns = [
    path("", include("imagegen.pages.urls")),
    path("", include("imagegen.gallery.urls")),
    path("api/v1/images/generations", api.Generations.as_view(), name="image-generations"),
    path("api/v1/images/edit", api.Edit.as_view(), name="image-edit"),
    path("api/v1/images/estimate", api.JobEstimate.as_view(), name="image-estimate"),
    path("api/v1/images/models", api.ImageModels.as_view(), name="image-models"),
    path("api/v1/images/parameters", api.Parameters.as_view(), name="image-parameters"),
    path("api/v1/images/engines", api.Engines.as_view(), name="image-engines"),
    path("api/v1/images/config", views.Config.as_view(), name="image-config"),
    path("api/v1/images/config/update", views.UpdateConfig.as_view(), name="image-config-update"),
    path("api/v1/images/config/url/verify", views.VerifySaved.as_view(), name="image-config-verify"),
    path("api/v1/images/verify", views.Verify.as_view(), name="image-verify"),
    path("api/v1/tasks/image_prompt/completions", ImagePrompt.as_view(), name="task-image-prompt"),
    path("api/v1/images/describe", DescribePicture.as_view(), name="image-describe"),
    path(f"{JOBS}", api.JobList.as_view()),
    path(f"{JOBS}/", api.JobList.as_view(), name="image-jobs"),
    path(f"{JOBS}/<str:job_id>", api.JobDetail.as_view(), name="image-job"),
    path(f"{JOBS}/<str:job_id>/cancel", api.CancelJob.as_view(), name="image-job-cancel"),
    path(f"{JOBS}/<str:job_id>/retry", api.RetryJob.as_view(), name="image-job-retry"),
    path("v1/images/generations", openai_api.OpenAIGenerations.as_view(), name="openai-image-generations"),
    path("v1/images/edits", openai_api.OpenAIEdits.as_view(), name="openai-image-edits"),
    path("openai/v1/images/generations", openai_api.OpenAIGenerations.as_view()),
    path("openai/v1/images/edits", openai_api.OpenAIEdits.as_view()),
    re_path("^openai/deployments/(?P<model>.+)/images/generations$", openai_api.OpenAIGenerations.as_view()),
    re_path("^openai/deployments/(?P<model>.+)/images/edits$", openai_api.OpenAIEdits.as_view()),
]
