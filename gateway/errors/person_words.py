"""Words that are names, and words near which a name or a number of a person stands; all in lower case."""

_NAME_LIKE = """
april archer arm aud baby bill blank block book born branch brand break brother burn call cap card case cast
chain chance child choice christian city claim class clean clear close cloud coma cook copy core corner cost
count couple cover cross curt dad daily day deal dean dear deep dell down drew drive early edge edit elder
else even ever eye fast few field fields final find fine fix flag fly folder forward frame frank free freed
future gates gene general given go goal good grace grant granted guy hall hand hang hardy head heath held
help high hill hold home hook hop hope host house human idle image jack job join just key keys kin kind king
know lane large last law lead learn leave lee light line link little local lock london long lord lot low mac
made main major make male man many march mark marked market martin mason master max may me mean means memory
miles min minor mobile moment money monitor moody moon most net nick night noble north note null nurse offer
old ole olive pack page pair parent park part partner parts pat patience peer pem penny percent pipe piper
place plain plan point pool poor port post power press price prince print prior privilege progress proper
pull purpose quick ram rank raw ray reach read reader ready real reason repair rest rich right risk rob
robin rock role roll root rose round route row rule russell safe sample sandy save school score see seek
self send series serve sessions set sha shade shape sharp shift shore short show side sides sign single
sister skip sky slack slice slow small smart snow so soap soft son sort sound space speed spelling spring
stack staff stage stale star start state step still stock stone stop store strand street strict strong style
sub success sum summer sunny sure sweet tab tag take team tell terminal test thing throw ticket tim tom tool
top topic total tower trace track trial trim true trust try turn twice two under union unit vary victor view
visit wade wait waiter walker want ward warm warn watch water way web webb week weeks well west white whole
wide will winter wise won wood woods work wright write yes young zone
"""
_PERSON_WORDS = """
address author baby birthdate born brother called caregiver carer child clinician contact crn dad dame
daughter deceased dentist dob doctor dr drs dva email family father fax firstname forename forenames gender
given gp guardian hpii hpio husband ihi infant initials kin lastname madam maiden mail master medicare
member miss mobile mother mr mrn mrs ms mum mx name named names next-of-kin nhi nickname nurse owner parent
participant partner patient performer person phone physician postcode practitioner prof professor provider
recipient rev sir sister son spouse sr ssn street suburb surgeon surname tel telephone ur urn user username
wife
"""
_TITLES = """
dr drs miss mr mrs ms mx prof rev sr st
"""
_WORDS_AFTER_PERSON = """
a about access accounts active address after allowed already also an and application applications are as at
authorised authorized away be because been before being between but by can can't cannot certificate column
columns connection contain contains could couldn't created credentials data database databases deleted
denied details did didn't do does doesn't during element elements error errors exist exists expired failed
for found from had has hasn't have id identifier identifiers ids if in inactive information integration into
invalid is isn't it its licence license locked login lookup management matches matching merged might missing
more must name names no nor not number numbers of on only or parameter parameters permission permissions
portal queries query record records reference references refused registered rejected request requests
required resource resources returned search seen server service services should shouldn't since software
status support supported system systems table than that the then these this those to type types unable
unavailable unknown unsupported updated us value values was wasn't were when where which while who whom
whose with without would wouldn't
"""
_NUMBER_LABELS = """
errno error http line msg position sqlcode sqlstate status
"""
_CODE_LABELS = """
error exit gds http response result return sql status
"""
_UNITS = """
attempt attempts byte bytes character characters gb hour hours kb mb millisecond milliseconds minute minutes
ms queries query request requests retries row rows second seconds
"""

#: Words of the vocabulary that are also given names or surnames: they stay only where no name can stand.
NAME_LIKE = frozenset(_NAME_LIKE.split())
#: Words after which a name or a number of a person may stand.
PERSON_WORDS = frozenset(_PERSON_WORDS.split())
#: Titles; a dot may follow them.
TITLES = frozenset(_TITLES.split())
#: Words that may stay directly after one of `PERSON_WORDS`; the first of them ends the place of a name.
WORDS_AFTER_PERSON = frozenset(_WORDS_AFTER_PERSON.split())
#: Words before a number that may stay: a code or a place in a text.
NUMBER_LABELS = frozenset(_NUMBER_LABELS.split())
#: Words before `code` that make it the code of an error.
CODE_LABELS = frozenset(_CODE_LABELS.split())
#: Words after a number that may stay.
UNITS = frozenset(_UNITS.split())
