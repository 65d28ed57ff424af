"""Beside the process that holds a run: others that learn with it, on their share of each batch."""

from models_store.state_file import load_tree
from practice import storage
from practice.bridge.session import Ears
from practice.learning.parallel import Team
from practice.learning.work import Work
from practice.models import Run


class TeamEars:
    """The leader's wishes, heard by all of a team at the same step: each must ask as often as the others."""

    def __init__(self, ears: Ears, team: Team) -> None:
        self._ears, self._team = ears, team

    @property
    def wish(self) -> str:
        """As the leader's own ears have it."""
        return self._team.told(self._ears.wish)


class Companion:
    """Does every step that the leader's session does, and writes nothing: no row, no file."""

    def __init__(self, run: Run, work: Work, ears: Ears) -> None:
        self.run, self.work, self.ears = run, work, ears

    def execute(self) -> None:
        """Until the work is finished or somebody wishes otherwise."""
        if self.run.resume_key:
            self.work.load_state(load_tree(storage.blobs().path(self.run.resume_key)))
        while not self.work.finished:
            if self.ears.wish:
                return
            self.work.step()
