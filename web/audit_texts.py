"""Sentences that explain the remarks of an audit to people who see them for the first time."""

from collections.abc import Mapping

from engine.domain.audit import RemarkKind as Kind

MEANINGS: Mapping[Kind, str] = {
    Kind.GAP: "A number of the ledger is missing, so an entry was removed.",
    Kind.ALTERED: "The content of an entry does not match its digest or its links.",
    Kind.MISSING: "An entry, its content, its policy or a tag that names it is gone.",
    Kind.FORK: "Two entries claim the same number.",
    Kind.VOID: "Content that is not a valid entry occupies a number. The ledger skips it.",
    Kind.UNTRUSTED: "No trusted key signed this entry, so it does not count.",
    Kind.MOVED: "A tag was moved without floe.",
    Kind.UNRECORDED: "A tag of this environment has no record, so floe did not create it.",
    Kind.UNCOPIED: "The audit backend has no copy of an entry.",
    Kind.REWOUND: "The ledger lost entries that this server has seen before.",
    Kind.ANCHOR: "An entry that was named as an anchor is not in the ledger.",
    Kind.CHECKPOINT: "The entries are not those that a checkpoint signed.",
    Kind.SOURCE: "No record brought this artifact to the environment that it came from.",
    Kind.APPROVAL: "Approvals are missing, or came from the requester or at another time.",
    Kind.DUTIES: "One person promoted the artifact into the source and further.",
    Kind.OVERRIDE: "A rule was broken, and the record has no override for it.",
    Kind.LOCKED: "The environment was changed while it was locked.",
    Kind.WINDOW: "The environment was changed while a freeze window was closed.",
    Kind.NAME: "Version, tag and digest do not belong together.",
    Kind.TIME: "The times of the records run backwards.",
    Kind.TIMESTAMP: "A timestamp is not valid, or contradicts the time in its record.",
    Kind.UNJUDGED: "A rule could not be judged, because another ledger cannot be read.",
    Kind.POLICY: "Records were made under other rules than those of today.",
    Kind.COMPLETING: "The newest change is recorded, and its latest tag has yet to follow.",
    Kind.ROLLBACK: "The version that a rollback would bring back is gone.",
    Kind.UNCOMMITTED: "The audit backend has a record that never took effect.",
    Kind.INTERRUPTED: "The newest change was interrupted. The next one completes it.",
    Kind.UNREMEMBERED: "The server could not store the newest head, so it may miss a rewind.",
    Kind.UNCONFIRMED: "Nothing outside the registry confirms this part.",
    Kind.WITNESSED: "A witness outside the registry signed the checkpoint.",
    Kind.UNWITNESSED: "A witness has not signed the newest entries yet.",
    Kind.UNSTAMPED: "Entries have no timestamp of an authority.",
    Kind.UNREAD: "A checkpoint proves the older entries, so they were not read again.",
}
