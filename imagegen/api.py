"""The picture API: draw or edit and wait for the result, or make a job to be polled, cancelled and retried."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from chat.files import file_json
from chat.files.views import FileSerializer
from imagegen import access, jobs, rows, serializers, services
from imagegen.jobs import shape
from imagegen.models import ImageJob
from providers.authentication import caller_of
from providers.errors import UpstreamTimeout
from providers.relay import own_usage
from providers.rest import ListPages, checked_body
from providers.sentences import sentence as _

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER, description="A repeated request returns the first job"
)


class MayUseImages(BasePermission):
    """Raises Forbidden for a key that was made for something else: reading jobs and engines needs the scope too."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        access.check_scope(caller_of(request))
        return True


class ImageView(APIView):
    permission_classes = (IsAuthenticated, MayUseImages)


def start(request: Request, values: Mapping[str, Any]) -> ImageJob:
    """The job for a validated body; with `image` it is an edit. Raises as `services.request_images`."""
    given = {name: value for name, value in values.items() if value not in (None, "")}
    image, mask, limit_seen = given.pop("image", ()), given.pop("mask", None), given.pop("limit_seen", None)
    return services.request_images(
        services.JobRequest(
            caller=caller_of(request),
            values=given,
            images=image if isinstance(image, list | tuple) else [image],
            mask=mask,
            idempotency_key=idempotency_key(request),
            limit_seen=limit_seen,
        )
    )[0]


def idempotency_key(request: Request) -> str:
    return request.headers.get("Idempotency-Key", "").strip()


def wait(job: ImageJob) -> ImageJob:
    """The job once it has ended. Raises UpstreamTimeout when that takes too long; the job goes on."""
    return ended_in_time(jobs.wait_for(job, timeout=limit_of(job)))


def limit_of(job: ImageJob) -> float:
    """Seconds that a request waits for its job."""
    return (job.engine.timeout if job.engine else 600.0) * 2


def ended_in_time(job: ImageJob) -> ImageJob:
    """The job, once it has ended. Raises UpstreamTimeout."""
    if job.is_open:
        raise UpstreamTimeout(_("The picture is still being made; look at its job."), code="job_open")
    return job


def described(operation_id: str, serializer: type[serializers.ImageRequestSerializer]) -> Any:
    """The schema of a view that draws and waits."""
    return extend_schema_view(
        post=extend_schema(
            operation_id=operation_id,
            parameters=[IDEMPOTENCY_KEY],
            request=serializer,
            responses=FileSerializer(many=True),
        )
    )


@described("images_generate", serializers.ImageRequestSerializer)
class Generations(ImageView):
    serializer_class = serializers.ImageRequestSerializer

    def post(self, request: Request) -> Response:
        job = start(request, checked_body(self.serializer_class, request))
        files = services.finished_files(wait(job))
        return Response([file_json(row) for row in files], headers={"X-Job-Id": str(job.pk)})


@described("images_edit", serializers.EditRequestSerializer)
class Edit(Generations):
    serializer_class = serializers.EditRequestSerializer


class JobEstimate(ImageView):
    @extend_schema(
        operation_id="images_estimate",
        parameters=[serializers.EstimateQuerySerializer],
        responses=serializers.EstimateSerializer,
    )
    def get(self, request: Request) -> Response:
        """How long pictures will take, what they will cost and how many jobs come first. Nothing is drawn."""
        query = serializers.EstimateQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        values = dict(query.validated_data)
        images, quality = values.pop("images", 0), values.pop("quality", "")
        if quality:
            values["params"] = {"quality": quality}
        caller = caller_of(request)
        estimate = services.estimate(caller, values, inputs_given=images)
        passed = own_usage.passed_by(caller, estimate.model, cost=estimate.cost, pictures=estimate.pictures)
        return Response(shape.estimate_json(estimate, passed))


class ImageModels(ImageView):
    @extend_schema(
        operation_id="images_models",
        parameters=[OpenApiParameter("engine", str, description="Name or id; the default engine when left out")],
        responses=serializers.ImageModelSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        caller = caller_of(request)
        image_settings = access.check_may_draw(caller)
        engine = access.engine_for(caller, image_settings, name=request.query_params.get("engine", ""))
        choices = rows.engine_of(engine).models(rows.config_of(engine, caller=caller))
        return Response([{"id": choice.id, "name": choice.name or choice.id} for choice in choices])


class Parameters(ImageView):
    @extend_schema(
        operation_id="images_parameters",
        parameters=[
            OpenApiParameter("engine", str, description="Name or id; the default engine when left out"),
            OpenApiParameter("model", str, description="The engine's usual one when left out"),
        ],
        responses=serializers.ParameterFormSerializer,
    )
    def get(self, request: Request) -> Response:
        """What `params` may hold for this engine and model, with the choices that the engine's server has."""
        engine, model = (request.query_params.get(name, "").strip()[:255] for name in ("engine", "model"))
        return Response(services.parameter_form(caller_of(request), engine, model))


class Engines(ImageView):
    @extend_schema(operation_id="images_engines", responses=serializers.EngineSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The engines that the caller may use."""
        caller = caller_of(request)
        access.check_may_draw(caller)
        engines = [row for row in access.engines_for(caller) if access.key_allows(caller, row)]
        return Response([shape.engine_json(row) for row in engines])


class JobPages(ListPages):
    page_size = 30
    max_page_size = 100


class JobList(ImageView):
    @extend_schema(
        operation_id="image_jobs_list",
        parameters=[
            OpenApiParameter("state", str, enum=[*ImageJob.State.values, "open"]),
            *JobPages.parameters(),
        ],
        responses=serializers.JobPageSerializer,
    )
    def get(self, request: Request) -> Response:
        own_jobs = (
            ImageJob.objects.filter(user_id=caller_of(request).user_id)
            .select_related("engine", "user")
            .prefetch_related("files")
        )
        state = request.query_params.get("state")
        if state:
            own_jobs = own_jobs.filter(state__in=ImageJob.OPEN if state == "open" else [state])
        return JobPages.respond(own_jobs, self, shape.job_json)

    @extend_schema(
        operation_id="image_jobs_create",
        parameters=[IDEMPOTENCY_KEY],
        request=serializers.JobRequestSerializer,
        responses={202: serializers.JobSerializer},
    )
    def post(self, request: Request) -> Response:
        job = start(request, checked_body(serializers.JobRequestSerializer, request))
        location = {"Location": f"/api/v1/images/jobs/{job.pk}"}
        return Response(shape.job_json(job), status=status.HTTP_202_ACCEPTED, headers=location)


class JobDetail(ImageView):
    @extend_schema(operation_id="image_jobs_read", responses=serializers.JobSerializer)
    def get(self, request: Request, job_id: str) -> Response:
        return Response(shape.job_json(access.job_for(caller_of(request), job_id)))


class CancelJob(ImageView):
    @extend_schema(operation_id="image_jobs_cancel", request=None, responses={202: serializers.JobSerializer})
    def post(self, request: Request, job_id: str) -> Response:
        job = access.job_for(caller_of(request), job_id)
        services.cancel_job(job)
        job.refresh_from_db()
        return Response(shape.job_json(job), status=status.HTTP_202_ACCEPTED)


class RetryJob(ImageView):
    @extend_schema(operation_id="image_jobs_retry", request=None, responses={202: serializers.JobSerializer})
    def post(self, request: Request, job_id: str) -> Response:
        job = services.retry_job(caller_of(request), access.job_for(caller_of(request), job_id))
        return Response(shape.job_json(job), status=status.HTTP_202_ACCEPTED)
