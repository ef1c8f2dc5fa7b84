"""Words that decide roles, after the frames of PropBank (Palmer et al., 2005) and the guidelines of its annotation."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


BE = _words("be 's 'm 're ’s ’m ’re s m r")
"""The copula, with what stays of its short forms where they are misspelt."""
UNDERGOING = (
    _words(
        """be become remain stay seem appear happen occur arise arrive come die fall return begin start exist belong end
    grow rise increase decrease decline drop melt break burst freeze collapse disappear vanish emerge expire fail
    graduate result stand sit lie hang last matter wait turn relate sound taste smell cost weigh suffice consist
    depend vary differ open close change move improve bear locate"""
    )
    | BE
)
"""Verbs whose subject, where they have no object, is what the event happens to: ARG1."""
MODAL_LIKE = _words("go have use")
"""Verbs that are no more than a modal before an infinitive."""
SAYING = _words(
    "say tell think believe know guess hope suppose feel ask wonder wish suggest add claim argue note report"
)
"""Verbs whose clause may stand before them."""
MOVING = _words(
    "go come get return move travel drive walk fly run head bring take arrive ride sail climb fall drop ship"
)
"""Verbs with an end point, ARG4."""
TELLING = _words("tell ask show teach inform remind advise warn assure convince persuade pay thank serve charge")
"""Verbs whose person spoken to is ARG2 where another object or a clause follows."""
CAPABLE = _words(
    """sure certain confident willing unwilling reluctant aware unaware afraid proud eager determined desperate inclined
    hungry rude active helpful polite careful honest"""
)
"""Adjectives whose subject does, knows or wants: ARG0, and what it is about: ARG1."""
MOVED = _words(
    """happy glad pleased satisfied excited angry mad upset interested disappointed worried surprised grateful thankful
    impressed amazed shocked bored annoyed sad confused"""
)
"""Adjectives whose subject is moved, ARG1, by what follows: ARG0."""
JUDGED = _words("easy hard difficult tough impossible likely unlikely fun")
"""Adjectives of a whole event, whose subject is a part of it: the rest is C-ARG1."""
TIMES = _words(
    """second minute hour day week weekend month year decade century time moment morning afternoon evening night noon
    midnight today tomorrow yesterday tonight now then spring summer autumn fall winter season past future period
    monday tuesday wednesday thursday friday saturday sunday january february march april may june july august
    september october november december mon tue wed thu fri sat sun jan feb mar apr jun jul aug sep sept oct nov dec
    christmas easter thanksgiving beginning end age date era while pm am p.m. a.m. o'clock"""
)
ADVERBS = {
    "ARGM-TMP": _words(
        """when now then always still ever never already again long first today soon ago week later yet finally recently
        once immediately currently usually sometimes tomorrow yesterday early late often twice forever originally
        eventually tonight anymore previously before after afterwards lately meanwhile nowadays rarely seldom
        frequently initially constantly continually suddenly next last asap whenever earlier formerly presently
        shortly daily weekly monthly annually anytime prior since until momentarily promptly instantly"""
    ),
    "ARGM-LOC": _words(
        "here there where inside outside nearby upstairs downstairs everywhere anywhere nowhere overseas online abroad "
        "somewhere elsewhere locally worldwide below above"
    ),
    "ARGM-DIR": _words("back away forward down up off ahead around in along over through backwards forwards"),
    "ARGM-DIS": _words("also however too additionally furthermore moreover besides nevertheless nonetheless"),
    "ARGM-EXT": _words(
        """very more most enough completely fully highly strongly totally entirely significantly substantially extremely
        partly partially thoroughly lot bit"""
    ),
    "ARGM-MNR": _words("how well hard fast together alone right better best straight"),
    "ARGM-CAU": _words("why"),
    "ARGM-NEG": _words("not n't neither"),
    "ARGM-ADV": _words(
        """just even only really actually probably maybe perhaps though certainly definitely obviously clearly all almost
        likely apparently possibly hopefully thus therefore otherwise instead simply basically especially exactly
        accordingly nearly generally specifically surely unfortunately fortunately sadly honestly seriously frankly
        literally particularly supposedly reportedly allegedly merely hardly seemingly typically normally indeed either
        rather evidently presumably essentially virtually truly so much quite absolutely far greatly barely personally"""
    ),
}
LABELS = {word: label for label, words in ADVERBS.items() for word in words}
"""What an adverb is; others are manners in -ly, else general modifiers."""
BEFORE_CLAUSES = {
    **dict.fromkeys(("when", "whenever", "before", "after", "until", "till", "once"), "ARGM-TMP"),
    **dict.fromkeys(("because", "since", "cause", "as", "cuz", "coz", "'cause"), "ARGM-CAU"),
    "so": "ARGM-PRP",
    "where": "ARGM-LOC",
    "like": "ARG1",
}
"""What an adverbial clause is by the word that begins it; others are general modifiers."""
PLACES = _words("here there where home")
"""Adverbs that can be where something is or goes."""
TIMELY = _words("after before since until till during upon throughout")
"""Prepositions that need no word of time after them."""
OFTEN_TIMELY = _words("in on at for by within over from around through about to of between toward towards past under")
ADJUNCTS = {
    **dict.fromkeys(("without", "via", "by"), "ARGM-MNR"),
    **dict.fromkeys(("because", "due", "owing", "thanks"), "ARGM-CAU"),
    **dict.fromkeys(("near", "behind", "beside", "beneath", "underneath", "among", "across", "inside"), "ARGM-LOC"),
    **dict.fromkeys(("despite", "besides", "unlike", "regarding", "given", "except", "accord", "per"), "ARGM-ADV"),
    "through": "ARGM-DIR",
}
"""What a preposition makes of its phrase whatever the verb."""
GOVERNED = {
    "ARG1": _words(
        """ask:for look:for look:at wait:for pay:for search:for call:for hope:for care:for care:about listen:to refer:to
        look:to work:on depend:on rely:on provide:with help:with check:on blame:on spend:on agree:with agree:to
        participate:in believe:in invest:in know:about think:about think:of hear:about hear:of dream:of lead:in
        succeed:in get:into look:into insist:on vote:for complain:about worry:about get:through engage:in attend:to
        compete:for apply:for prepare:for sign:for run:for arrange:for fight:for account:for hold:on focus:in"""
    ),
    "ARG2": _words(
        """put:in put:on put:into thank:for hear:from use:for use:as talk:to speak:to relate:to lead:to limit:to add:to
        prove:to focus:on charge:with end:with deal:with work:for know:as end:in result:in result:from meet:with
        compare:with compare:to connect:to base:on place:in place:on hide:in leave:in involve:in include:in know:for
        turn:into fill:with replace:with cover:with share:with associate:with pay:to protect:from prevent:from
        remove:from buy:from learn:from receive:from get:from hold:in consist:of accuse:of apologize:for"""
    ),
    "ARG3": _words("stay:in stay:at stay:with stay:on come:from work:with remain:in pay:on travel:from move:from"),
}
FRAMES = {pair: label for label, pairs in GOVERNED.items() for pair in pairs}
"""What a preposition is behind a verb that goes with it."""
COMPLEMENTS = {
    "in": ("ARGM-LOC", "ARGM-LOC", "ARGM-LOC"),
    "at": ("ARGM-LOC", "ARGM-LOC", "ARGM-LOC"),
    "on": ("ARG1", "ARGM-LOC", "ARGM-LOC"),
    "for": ("ARG1", "ARG2", "ARGM-PRP"),
    "with": ("ARG1", "ARG2", "ARG2"),
    "of": ("ARG1", "ARG2", "ARG2"),
    "about": ("ARG1", "ARG1", "ARG1"),
    "like": ("ARG1", "ARG2", "ARG2"),
    "over": ("ARG1", "ARGM-TMP", "ARGM-LOC"),
}
"""What a preposition makes of its phrase behind a verb alone, with an object, and in the passive; ARG2 where it is not here."""
RELATIVE = {"where": "ARGM-LOC", "when": "ARGM-TMP", "why": "ARGM-CAU", "how": "ARGM-MNR"}
CIRCUMSTANCES = {"way": "ARGM-MNR", "reason": "ARGM-CAU", "place": "ARGM-LOC"}
"""What a noun is to a relative clause in which it is no argument; nouns of time are times."""
STATES = {
    **dict.fromkeys(("feel", "look", "make", "seem", "appear", "find", "consider", "leave"), "ARG1"),
    **dict.fromkeys(("remain", "stay"), "ARG3"),
    **dict.fromkeys(("go", "come"), "ARGM-MNR"),
}
"""What an adjective or a noun behind a verb is; ARG2 where the verb is not here, such as be and become."""
CLAUSES = {
    "ccomp": dict.fromkeys(("mean", "inform", "be"), "ARG2"),
    "xcomp": {
        **dict.fromkeys(("be", "use", "suppose", "force", "spend"), "ARG2"),
        **dict.fromkeys(("seem", "appear", "tend", "prove", "turn"), "C-ARG1"),
        "take": "ARG0",
    },
}
"""What a clause is to its verb; ARG1 where the verb is not here."""
