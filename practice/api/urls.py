"""The API, one line an address."""

from django.urls import path, re_path

from practice.api.base import Nothing
from practice.api.views import (
    checkpoints,
    datasets,
    edits,
    episodes,
    estimates,
    exports,
    machines,
    people,
    run_records,
    runs,
    schema,
    selections,
    sources,
    tasks,
    tokens,
    transfers,
    uploads,
)

app_name = "api"

urlpatterns = [
    path("me/", people.Me.as_view(), name="me"),
    path("embodiments/", machines.EmbodimentList.as_view(), name="embodiments"),
    path("presets/", machines.PresetList.as_view(), name="presets"),
    path("workers/", machines.WorkerList.as_view(), name="workers"),
    path("tasks/", tasks.TaskList.as_view(), name="tasks"),
    path("tasks/<slug:slug>/", tasks.TaskDetail.as_view(), name="task"),
    path("tasks/<slug:slug>/archive/", tasks.TaskArchive.as_view(), name="task_archive"),
    path("tasks/<slug:slug>/restore/", tasks.TaskRestore.as_view(), name="task_restore"),
    path("datasets/", datasets.DatasetList.as_view(), name="datasets"),
    path("datasets/selections/", selections.SelectionList.as_view(), name="selections"),
    path("datasets/folders/", sources.FolderDatasets.as_view(), name="folder_datasets"),
    path("datasets/hub/", sources.HubDatasets.as_view(), name="hub_datasets"),
    path("datasets/<int:pk>/mapping/", sources.DatasetMapping.as_view(), name="dataset_mapping"),
    path("datasets/<int:pk>/reword/", edits.DatasetReword.as_view(), name="dataset_reword"),
    path("datasets/<int:pk>/stop/", sources.DatasetStop.as_view(), name="dataset_stop"),
    path("datasets/<int:pk>/retry/", sources.DatasetRetry.as_view(), name="dataset_retry"),
    path("datasets/<int:pk>/", datasets.DatasetDetail.as_view(), name="dataset"),
    path(
        "datasets/<int:pk>/versions/", selections.DatasetVersions.as_view(), name="dataset_versions"
    ),
    path("versions/<int:pk>/", selections.VersionDetail.as_view(), name="version"),
    path(
        "versions/<int:pk>/episodes/", selections.VersionEpisodes.as_view(), name="version_episodes"
    ),
    path("datasets/<int:pk>/exports/", exports.DatasetExports.as_view(), name="dataset_exports"),
    path("exports/", exports.ExportList.as_view(), name="exports"),
    path("exports/<int:pk>/", exports.ExportDetail.as_view(), name="export"),
    path("exports/<int:pk>/download/", exports.ExportDownload.as_view(), name="export_download"),
    path("uploads/", uploads.UploadList.as_view(), name="uploads"),
    path("uploads/<str:upload_id>/", uploads.UploadDetail.as_view(), name="upload"),
    path("estimates/", estimates.EstimateList.as_view(), name="estimates"),
    path("estimates/<int:pk>/", estimates.EstimateDetail.as_view(), name="estimate"),
    path("estimates/<int:pk>/stop/", estimates.EstimateStop.as_view(), name="estimate_stop"),
    path("runs/", runs.RunList.as_view(), name="runs"),
    path("runs/<int:pk>/", runs.RunDetail.as_view(), name="run"),
    path("runs/<int:pk>/pause/", runs.RunPause.as_view(), name="run_pause"),
    path("runs/<int:pk>/resume/", runs.RunResume.as_view(), name="run_resume"),
    path("runs/<int:pk>/stop/", runs.RunStop.as_view(), name="run_stop"),
    path("runs/<int:pk>/points/", run_records.RunPoints.as_view(), name="run_points"),
    path("runs/<int:pk>/log/", run_records.RunLog.as_view(), name="run_log"),
    path("runs/<int:pk>/episodes/", run_records.RunEpisodes.as_view(), name="run_episodes"),
    path(
        "runs/<int:pk>/checkpoints/", run_records.RunCheckpoints.as_view(), name="run_checkpoints"
    ),
    path("episodes/", episodes.EpisodeList.as_view(), name="episodes"),
    path("episodes/approve/", episodes.EpisodesApprove.as_view(), name="episodes_approve"),
    path("episodes/exclude/", edits.EpisodesExclude.as_view(), name="episodes_exclude"),
    path("episodes/<int:pk>/", episodes.EpisodeDetail.as_view(), name="episode"),
    path("episodes/<int:pk>/replay/", episodes.EpisodeReplay.as_view(), name="episode_replay"),
    path(
        "episodes/<int:pk>/videos/<str:camera>/",
        episodes.EpisodeVideo.as_view(),
        name="episode_video",
    ),
    path("episodes/<int:pk>/judge/", episodes.EpisodeJudge.as_view(), name="episode_judge"),
    path("episodes/<int:pk>/label/", episodes.EpisodeLabel.as_view(), name="episode_label"),
    path("episodes/<int:pk>/approve/", episodes.EpisodeApprove.as_view(), name="episode_approve"),
    path("episodes/<int:pk>/trim/", edits.EpisodeTrim.as_view(), name="episode_trim"),
    path("episodes/<int:pk>/reword/", edits.EpisodeReword.as_view(), name="episode_reword"),
    path("episodes/<int:pk>/edits/", edits.EpisodeEdits.as_view(), name="episode_edits"),
    path("edits/<int:pk>/undo/", edits.EditUndo.as_view(), name="edit_undo"),
    path("checkpoints/", checkpoints.CheckpointList.as_view(), name="checkpoints"),
    path("checkpoints/<int:pk>/", checkpoints.CheckpointDetail.as_view(), name="checkpoint"),
    path(
        "checkpoints/<int:pk>/download/",
        checkpoints.CheckpointDownload.as_view(),
        name="checkpoint_download",
    ),
    path(
        "checkpoints/<int:pk>/push/", transfers.CheckpointPushes.as_view(), name="checkpoint_pushes"
    ),
    path(
        "checkpoints/imports/<int:pk>/", transfers.ImportDetail.as_view(), name="checkpoint_import"
    ),
    path("checkpoints/pushes/<int:pk>/", transfers.PushDetail.as_view(), name="push"),
    path("evaluations/", checkpoints.EvaluationList.as_view(), name="evaluations"),
    path("people/", people.PersonList.as_view(), name="people"),
    path("people/<int:pk>/", people.PersonDetail.as_view(), name="person"),
    path("tokens/", tokens.TokenList.as_view(), name="tokens"),
    path("tokens/<str:token_id>/", tokens.TokenDetail.as_view(), name="token"),
    path("schema/", schema.Schema.as_view(), name="schema"),
    path("docs/", schema.Docs.as_view(), name="docs"),
    re_path(r"^.*$", Nothing.as_view(), name="nothing"),
]
