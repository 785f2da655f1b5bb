"""Allow-list of words: what may stay of an upstream's error text. Every other word may be a name.

All lists are in lower case. Words of clinical content (diagnoses, medicines, places) are left out on purpose.
"""

import re

from gateway.dates.registry import parameter_codes
from gateway.errors.person_words import NAME_LIKE, PERSON_WORDS, TITLES
from gateway.fhir.element_names import ELEMENT_NAMES

_WORDS = """
a ability able abort aborted about above absent absolute accept acceptable accepted accepting accepts access
accessible accessing accommodate account accounts accurate acknowledge across act action actions activate
activated active activity actual actually add added adding addition additional additionally address
addresses adjust admin administrative administrator admission affected after again against agent aggregate
agreement alert algorithm alias aliases all allergy allocate allocated allocation allow allowed allowing
allows almost alone already also alter alternative although always ambiguous among amount an and anonymous
another answer any anymore anyone anything api apis appear appeared appears append application applications
applied applies apply appointment appointments appropriate approval approved april archive archived are area
argument arguments arithmetic array arrived arrow as ascii assembly assert assertion assign assigned
assignment associated assume async asynchronous asynchronously at attach attached attachment attachments
attempt attempted attempting attempts attribute attributes audience authenticate authenticated
authentication author authorisation authorise authorised authoritative authority authorization authorize
authorized authorizing auto automatic automatically availability available average avoid avoided await
awaiting away azure back backend background backoff backup backwards bad balance bandwidth base base64 based
basic batch batches be became because become been before begin beginning behalf behavior behaviour being
belong belongs below best between beyond bigger bigint binary bind binding bit bits blank blob block blocked
blocking bodies body book booked booking bool boolean both bound boundary bounds branch break broke broken
browser buffer bug build built bulk bundle bundles business busy but by bypass byte bytes cache cached
calculate calculated calendar call called caller callers calling calls came can canceled canceling
cancellation cancelled cancelling cannot capabilities capability capacity care carried cascade cascaded case
cast catalog catalogue catch category cause caused causes causing caution cease cell center central centre
certain certificate certificates chain chained change changed changes changing channel char character
characters charge charged charset check checked checking checks checksum choice choose chosen circuit
circular city claim claims clause clean clear cleared client clients clinic clinical clinics clock close
closed closing cloud cluster code coded codes coding codings coerce collation collection collections column
columns combination combined come comma command commands comment commit committed common communicate
communicating communication compact comparator compare compared comparison compartment compatible compile
complete completed completely completion complex component composite compressed compression compute computed
concatenate concept concerns concurrency concurrent concurrently condition conditional conditions config
configuration configure configured confirm conflict conflicted conflicting conflicts conform conformance
conforms connect connected connecting connection connections connectivity consent consider consistency
consistent constraint constraints construct constructor consult consumed contact contacted contain contained
container containing contains content contents context continue continued contract contradicting control
controlled conversion convert converted converting copied copy core correct corrected correctly correlation
corrupt corrupted cosmos cosmosdb could count counted counter country couple coverage cpu crash crashed
create created creates creating creation credential credentials criteria criterion critical cross
cryptographic csv currency current currently cursor custom customer cut cycle daemon daily damage data
database databases dataset date dates datetime datetimes day days db deadline deadlock deadlocked deadlocks
deal debug decimal declaration declare declared decode decoded decoding decompress decrypt decrypted
dedicated deep default defaults define defined defines definition definitions delay delayed delegate delete
deleted deletes deleting deletion delimiter deliver delivered delivery demand denied deny denying depend
dependency dependent depends deploy deployed deployment deprecated depth derived describe described
describes description descriptor deserialization deserialize design desired desktop destination detail
detailed details detect detected determine determined developer developers development device devices
diagnostic diagnostics diary dictionary did differ difference different digest digit digits dimension direct
direction directly directory disable disabled disallowed discarded disconnect disconnected discriminator
disk disk-space display displayed disposed disrupted disruption disruptions distinct distributed divide
divided division do document documentation documented documents does doing domain done doubled down download
downstream draft drive driver drop dropped due dump duplicate duplicated duplicates duplication duration
during dynamic each earlier early edge edit edited effect effective either element elements else email
embedded empty enable enabled encode encoded encoding encounter encountered encounters encrypt encrypted
encryption end ended ending endpoint endpoints ends enforce engine ensure ensures enter entered enterprise
entire entities entity entries entry enum enumerated enumeration environment environments equal equality
equals equivalent erased error errored errors escape escaped especially essential establish established
establishing estimate etag evaluate evaluated evaluation even event events ever every everything exact
exactly examine example examples exceed exceeded exceeding exceeds except exception exceptional exceptions
excess excessive exclude excluded exclusive executable execute executed executes executing execution
executor exhausted exist existed existence existing exists exit expand expanded expansion expect expectation
expected expecting expects experienced expiration expire expired expires expiry explain explicit explicitly
exponent expose exposed express expression expressions extend extended extension extensions external extra
extract facility fact factory fail failed failing fails failure failures fallback false far fast fatal fault
faulty feature features fetch fetched few fewer field fields file filename files filter filtered filters
final finally find finished finite firewall fix fixed flag flags float floating flow folder follow followed
following follows for forbidden force forced foreign forgery form format formats formatted formed forms
forward forwarded found fraction fractional fragment frame framework free frequency frequent frequently from
full fully function functions further future gateway gateways general generate generated generating
generation generic get gets getting give given gives global go gone good got government grammar granted
granting graph greater group grouped grouping groups guarantee guaranteed guid guide guids had half halo
halolink handle handled handler handlers handles handling handshake hang happen happened happens hard
hardware has hash have having header headers health healthcare heartbeat help here hexadecimal hidden
hierarchy high higher history hold hook hop host hosted hosting hostname hosts hour hours how however html
http https hub icp id identical identification identified identifier identifiers identifies identify
identity idle ids if ignore ignored ignoring illegal image immediate immediately immunization impact
imperative implement implementation implemented implementing implicit implicitly import imported impossible
improper improperly in inaccessible inactive inbound include included includes including incoming
incompatible incomplete inconsistent incorrect incorrectly increase increased increment indeed index indexed
indexes indicate indicated indicates indicator indices indirect individual infinite info inform information
informational infrastructure initial initialise initialised initialising initialize initialized initializing
initiate initiated inline inner input inputs insert inserted inserting inside inspect install installation
installed instance instances instant instead instruction insufficient int integer integers integrate
integrated integration integrations integrator integrators integrity intended interaction interactions
interface interim intermediate intermittent internal internally international internet interpret interrupted
interval into invalid invalidated invariant invariants inverse investigate invocation invoke invoked
invoking involved ip is isolated isolation issue issued issuer issues it item items iterate iteration its
itself job jobs join joined joins json just jwt kb keep keeps kept kernel key keys keyword keywords kind
known label labels lack lacking lacks language languages large larger largest last lastupdated late latency
later latest launch layer lead leading least leave leaves left legacy legal length less let level levels
libraries library licence licences license licensed licenses like likely limit limitation limitations
limited limiting limits line lines link linked links list listed listen listening lists literal little load
loaded loading local locale localhost locate located location locations lock locked locking locks log logged
logic logical login logins logon logout logs long longer look lookup lookups loop lost lot low lower
lowercase machine made mail main maintain maintained maintenance major make makes making malformed
malformedness manage managed management mandatory manifest manual manually many map mapped mapping mappings
mark marked mask master match matched matches matching material max maximum may mb me mean meaning means
measure mechanism media medicare medication medium meet meets member members memory mention merge merged
merging message messages met metadata method methods metric middle middleware might migrate migration
millisecond milliseconds mime minimal minimum minor minute minutes mirror misconfigured mismatch mismatched
missing mistake mixed mobile mode model models moderate modification modifications modified modifier
modifiers modify module modules moment momentary monitor month months more moreover most move moved much
multi multiple multiplicity must mutable mutually name named names namespace namespaces native navigate
navigation near necessary need needed needs negative neither nested network networks never new newer next no
node nodes none nor normal normally not note nothing notification notified notify now null nullable number
numbers numeric object objects obligatory observed obsolete obtain obtained occasional occupied occur
occured occurred occurrence occurrences occurs octet odata of off offending offered offline offset offsets
often ok old older omit omitted on once one ones ongoing only onto opaque open opened operand operate
operating operation operational operations operator operators option optional options or order ordered
ordering orders organisation organisations organization organizations origin original originator orphaned
other others otherwise our out outage outages outbound outcome outcomes outdated outer output outside over
overall overflow overlap overlapping overlaps overload overloaded overridden override own owned owner owns
pack package packet packets page paged pages pagination paging pair paired pairing parallel parameter
parameters parent parenthesis parse parsed parser parsing part partial partially participant particular
parties partition partitions parts party pass passed passes passing passthrough password past patch path
paths patient patients pattern pause paused pausing payload payloads peer pending people per percent perform
performance performed performer performing performs period permanent permanently permission permissions
permit permits permitted persist persisted persistent person phase phone physical picked pipe pipeline place
placed placeholder plain plan planned platform please pms point pointer points policies policy poll polling
pool port portal portion position positions positive possible possibly post posted potential practice
practices practitioner practitioners preceded precision precondition predicate prefer preference preferred
prefix prefixes preparation prepare prepared prepares preparing presence present preserve press prevent
prevented prevents previous previously primary primitive principal print prior priority private privilege
privileges probably problem problems procedure procedures proceed process processed processes processing
processor produce produced produces producing product production products profile profiles program progress
prohibited prompt proper properly properties property proposed protected protocol protocols provide provided
provider providers provides providing proxies proxy public publish published pull purge purpose put
qualified qualifier quantity queried queries query querying question questionnaire queue queued queues quick
quit quota quotas quote quoted raise raised random range ranges rate rates rather raw reach reachable
reached reaches reaching read readable reader reading readonly reads ready real realm reason reasonable
reasons receive received receives receiving recent recently recipient recognise recognised recognize
recognized recommend recommended record recorded records recover recoverable recovered recovery recursion
recursive redirect redirected redirects reduce reduced reenable refer reference referenced references
referencing referral referred refresh refused refuses regarding region register registered registration
registry regular reinstall reject rejected rejecting rejects related relation relational relationship
relative relay release released relevant reliable rely remain remained remaining remains remote removal
remove removed removing rename renamed renew repair repeat repeated repeating repeats repetition replace
replaced replacement replaces replaying replenish replenished replica replicate replication reply report
reported reporting reports repository represent representation represented represents request requested
requesting requestor requests require required requirement requirements requires requiring reserved reset
resets resolution resolve resolved resolver resolves resolving resource resources respect respective respond
responded responding responds response responses responsible rest restart restarted restarting restore
restored restrict restricted restriction restrictions result resulted resulting results resume retire
retired retried retries retrieval retrieve retrieved retrieving retry retryable retrying return returned
returning returns reuse reused reverse revert review revision revoke revoked rewrite right rights role roles
roll rollback rolled rolling root round route routed router routes routing row rows rule rules run running
runs runtime safe same sample sandbox satisfied satisfies satisfy save saved scalar schedule scheduled
schedules scheduling schema schemas scheme scope scopes script search searched searches searching searchset
second secondary seconds secret section sections secure security see seek seem seems seen segment segments
select selected selection self semantic send sender sending sends sensible sent separate separated separator
sequence sequences serial serialization serialize serialized series serious serve served server servers
serves service services session sessions set sets setting settings setup several severe severity shard share
shared shift short shorter should show shown shows shut shutdown shutting side sign signal signature signed
significant similar similarly simple simply simultaneous since single site sites size sizes skip skipped
slash slashes slice slicing slight slightly slot slots slow slower small smaller snapshot so socket soft
software some something sometimes soon sort sorted sorting source sources space spaces special specific
specifically specification specified specifies specify spelling split sql stack staff stage staging stale
standard standards start started starting starts startup state statement statements states static station
statistics status statuses step steps still stop stopped stopping storage store stored storing stream
streaming streams strict string strings structural structure structured structures style sub subject
submission submit submitted subquery subscribe subscription subscriptions subsequent subset subsystem
succeed succeeded success successful successfully such sufficient suffix suggest suggested suitable sum
summary superseded supervisor supplied supply support supported supporting supports suppressed sure
surrogate suspend suspended switch switched symbol sync synchronous syntactically syntax system systems tab
table tables tag tags take taken takes taking target targets task tasks tcp technical template templates
temporarily temporary tenant tenants term terminate terminated terminating termination terminology test
tested testing tests text than thank that the their them then there thereby therefore these they thing
things this thorough those though thread threads threshold throttle throttled throttles throttling through
throughput throw thrown throws thus ticket time timed timeout timeouts timer times timestamp timestamps
timezone tls to together token tokens too took tool top topic total totals trace track traffic trailing
transaction transactional transactions transfer transferred transferring transform transformation transient
transition translate translated translation transmission transmit transport transported trial tried tries
trigger triggered triggers trim true truncate truncated truncation trust trusted try trying turn turned
twice two type typed types typically ui unable unallowed unapproved unassigned unauthenticated unauthorised
unauthorized unavailable uncaught unchanged unclear unclosed uncommitted undefined under underlying
understand understood undo unencrypted unequal unescaped unexpected unexpectedly unfinished unhandled
uniform unify uninitialized unintended unique uniqueness unit units universal unix unknown unless unlike
unlimited unlock unmatched unmodified unnamed unpaired unparsable unprocessable unquoted unreachable
unreadable unrecognised unrecognized unregistered unresolved unsafe unsaved unspecified unstable
unsuccessful unsuitable unsupported unterminated until unused unusual unvalidated up upcoming update updated
updates updating upgrade upgraded upload uploaded uploading uploads upon upper uppercase upstream uri uris
url urls urn us usage use used useful user username users uses using usual usually utc utility uuid valid
validate validated validates validating validation validator validity value values variable variables
variant various vary vendor verb verification verified verify version versioned versions very via view views
violate violated violates violating violation violations virtual visible visit volume wait waited waiting
waits want warn warning warnings was way ways we web webhook website week weeks well went were what whatever
when whenever where whereas whether which while who whole whom whose why wide width wildcard will window
windows with within without won word words work worked worker workers working works workspace would wrap
wrapped write writeable writer writes writing written wrong www xhtml xml yaml year years yes yet you your
zero zip zone zones
"""
_ABBREVIATIONS = """
apim appservice ascx asp aspnet aud birth byref clr cors cosmosdb createdat crlf dbnull dbo ddl deviceid dll
dml dns dotnet ehr emr errorcode errorcodes errordetails errormessage errortype expr fbsql fhir fhirpath
firebird firely ftp gmt gp grpc gzip haloconnect hapi healthgorilla hg hl7 hmac hotdoc iat icd idp ihi iis
integratorid io ios ipv iss jsonpatch ldap loinc mac mrn mssql mtls nbf ndjson netty nginx nvarchar oauth
ocp odbc oid oidc ole oo openid osi pdf pem pid pkce pms pmsid ppk prep querymissingproperties ram rdbms
regex requestsize rest resultcode rfc rps rsa saml sas scim sha siteid smart snomed soap sqlclient
sqlexception sqlstate sse ssl sslv statuscode statustext stderr stdin stdout tds tlsv tmp ttl tx txt ucum
udp unicode utf uuidv vpn wcf winsock ws wss xhr xpath xsd yyyy zedmed
"""
_TYPES = """
bigint binary bit blob bool boolean byte char collections cursor data date datetime datetime2 datetimeoffset
decimal diagnostics dictionary double enumerable float generic geography geometry guid hierarchyid image int
int16 int32 int64 json list money nchar ntext nullable numeric nvarchar object precision real rowversion
sbyte single smalldatetime smallint smallmoney sqlvariant string structured sysname text time timespan
timestamp tinyint udt uint16 uint32 uint64 uniqueidentifier varbinary varchar variant vector void xml
"""

_TOKENS = """
4.0.1 4.3.0 5.0.0 base64 datetime2 dstu2 es256 h2 hl7 hl7.org/fhir hl7v2 hs256 http/1.0 http/1.1 http/2
http/3 id2 int16 int32 int64 ipv4 ipv6 iso-8601 iso8601 l1 md5 oauth2 oauth2.0 p360 r4 r4b r5 r6 rs256 sha1
sha256 sha512 stu3 tls1.2 tls1.3 tlsv1.2 tlsv1.3 uint16 uint32 uint64 us-ascii utf-16 utf-8 utf8 v1 v2 v3 v4
win32 win64 x.509 x509
"""
#: Technical words with a digit.
TOKENS = frozenset(_TOKENS.split())
_LOWER_CASE_NAMES = {name.lower() for name in ELEMENT_NAMES | parameter_codes() if name.isalpha()}
#: Names of .NET's SqlDbType, of T-SQL's, Firebird's and .NET's types.
SQL_TYPES = frozenset(_TYPES.split())
#: Words that may stay where no name can stand.
VOCABULARY = frozenset(
    {*_WORDS.split(), *_ABBREVIATIONS.split(), *SQL_TYPES, *_LOWER_CASE_NAMES, *PERSON_WORDS} - TITLES
)
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def word_parts(identifier: str) -> list[str]:
    """Words of a camelCase, snake_case, kebab-case or dotted identifier, in lower case."""
    return [part.lower() for part in _PART.findall(identifier)]


def is_technical_name(identifier: str) -> bool:
    """Whether an identifier consists of words of the vocabulary but of no name, like `patient_will`."""
    parts = word_parts(identifier)
    can_be_name = NAME_LIKE.issuperset if PERSON_WORDS.isdisjoint(parts) else NAME_LIKE.intersection
    return VOCABULARY.issuperset(parts) and not can_be_name(parts)
