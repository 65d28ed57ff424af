"""Pages. One line a page; each view parses, calls one service or selector, and renders."""

from django.urls import path

from practice.web import (
    checkpoints,
    datasets,
    edits,
    episodes,
    live,
    overview,
    people,
    runs,
    sign_in,
    tasks,
)

app_name = "web"

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("style/", overview.style_guide, name="style_guide"),
    path("sign-in/", sign_in.sign_in, name="sign_in"),
    path("sign-in/<str:secret>/", sign_in.by_link, name="sign_in_link"),
    path("sign-out/", sign_in.sign_out, name="sign_out"),
    path("live/", live.wall, name="live"),
    path("tasks/", tasks.task_list, name="tasks"),
    path("tasks/new/", tasks.task_new, name="task_new"),
    path("tasks/<slug:slug>/", tasks.task_detail, name="task"),
    path("tasks/<slug:slug>/edit/", tasks.task_edit, name="task_edit"),
    path("tasks/<slug:slug>/archive/", tasks.task_archive, name="task_archive"),
    path("tasks/<slug:slug>/datasets/new/", datasets.dataset_new, name="dataset_new"),
    path("tasks/<slug:slug>/runs/new/", runs.run_new, name="run_new"),
    path("datasets/", datasets.dataset_list, name="datasets"),
    path("datasets/<int:pk>/", datasets.dataset_detail, name="dataset"),
    path("runs/", runs.run_list, name="runs"),
    path("runs/<int:pk>/", runs.run_detail, name="run"),
    path("runs/<int:pk>/pause/", runs.run_pause, name="run_pause"),
    path("runs/<int:pk>/resume/", runs.run_resume, name="run_resume"),
    path("runs/<int:pk>/stop/", runs.run_stop, name="run_stop"),
    path("runs/<int:pk>/curves.json", runs.run_curves, name="run_curves"),
    path("runs/<int:pk>/log/", runs.run_log, name="run_log"),
    path("episodes/", episodes.episode_list, name="episodes"),
    path("episodes/<int:pk>/", episodes.episode_detail, name="episode"),
    path("episodes/<int:pk>/label/", episodes.episode_label, name="episode_label"),
    path("episodes/<int:pk>/approve/", episodes.episode_approve, name="episode_approve"),
    path("episodes/exclude/", edits.episodes_exclude, name="episodes_exclude"),
    path("episodes/<int:pk>/exclude/", edits.episode_exclude, name="episode_exclude"),
    path("episodes/<int:pk>/trim/", edits.episode_trim, name="episode_trim"),
    path("episodes/<int:pk>/reword/", edits.episode_reword, name="episode_reword"),
    path("edits/<int:pk>/undo/", edits.edit_undo, name="edit_undo"),
    path("episodes/<int:pk>/replay.json", episodes.episode_replay, name="episode_replay"),
    path("episodes/<int:pk>/video.mp4", episodes.episode_video, name="episode_video"),
    path(
        "episodes/<int:pk>/cameras/<int:number>.png", episodes.episode_camera, name="episode_camera"
    ),
    path("checkpoints/", checkpoints.checkpoint_list, name="checkpoints"),
    path("checkpoints/<int:pk>/", checkpoints.checkpoint_detail, name="checkpoint"),
    path("checkpoints/<int:pk>/evaluate/", checkpoints.checkpoint_evaluate, name="evaluate"),
    path("people/", people.people_list, name="people"),
    path("people/new/", people.person_new, name="person_new"),
    path("people/<int:pk>/role/", people.person_role, name="person_role"),
    path("people/<int:pk>/active/", people.person_active, name="person_active"),
    path("people/<int:pk>/link/", people.person_link, name="person_link"),
    path("tokens/", people.token_list, name="tokens"),
    path("tokens/new/", people.token_new, name="token_new"),
    path("tokens/<str:key>/revoke/", people.token_revoke, name="token_revoke"),
]
