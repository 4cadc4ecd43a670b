//! One message for each case of RFC 4475, in other words: `(case, what we do, message)`. `{len}` is the body's length, `{bin}`
//! bytes that are no UTF-8.
//!
//! Data and no code: longer than a file of ours should be, because one list in the RFC's own order is what a reader compares.

pub(crate) const SDP: &str = "v=0
o=pb 7 7 IN IP4 198.51.100.4
s=-
c=IN IP4 198.51.100.4
t=0 0
m=audio 30000 RTP/AVP 8
";

pub(crate) const CASES: [(&str, &str, &str); 49] = [
    // §3.1.1: valid. The first is read in full, then has a To tag that names no dialog of ours.
    ("wsinv", "481", "INVITE sip:hall@gate.example.org;strange SIP/2.0
tO :
 sip:hall@gate.example.org ;  tag  = 77aa
fRoM  : \"Eve \\\\\\\"\"     <sip:eve@example.net>
  ;
  tag = e1
max-FORWARDS: 0042
i: spaces@198.51.100.4
Content-Length  : {len}
CSEQ: 0031
  INVITE
Via : SIP  /  2.0
 /UDP
   198.51.100.4;branch=oldstyle1
subject :
Novel-Header:   one
 two
Odd: ,;;,,;;
Content-Type: application/sdp
Route:
 <sip:edge.example.org;lr;p=q;r>
V:  SIP  / 2.0  / TCP     far.example.net   ;
  branch  =   z9hG4bKfar  ,
 SIP /  2.0   / UDP  10.9.8.7   ; branch=
 z9hG4bKnear
M:\"Q \\\"\\\"\" <sip:eve@198.51.100.4> ; fresh =
     thing ;
  bare ; q = 0.25

{sdp}"),
    ("intmeth", "405", "!odd-Verb9_*+`.%good'~ sip:2_odd.USER~(no-no!yes)&aren't+we$/mad?,/;;*:&we+are=2,odd!*sec$re~t_yes.(isn't-it)@example.org SIP/2.0
Via: SIP/2.0/TCP h.example.org;branch=z9hG4bK-.!%77*_+`'~
To: \"BEL:\\\u{7} NUL:\\\u{0} DEL:\\\u{7f}\" <sip:2_odd.USER~(no-no!yes)&aren't+we$/mad?,/;;*@example.org>
From: first~` second'+_ third*%!.- <sip:plain@example.org>;p''~+*_!.-%=\"приве́т\";tag=_tg~2'+`*%!-.
Call-ID: odd.id%ZQ-!.*_+'@id`~)(><:\\/\"][?}{
CSeq: 41 !odd-Verb9_*+`.%good'~
Max-Forwards: 255
ext-!.%*+_`'~:\u{feff}大停電
Content-Length: 0

"),
    ("esc01", "incoming", "INVITE sip:sips%3Aanna%40example.org@example.net SIP/2.0
To: sip:%61nn%61@example.org
From: <sip:a%20b%20c@example.net>;tag=2
Max-Forwards: 60
i: esc-one
CSeq: 5 INVITE
Via: SIP/2.0/UDP h5.example.net;branch=z9hG4bKesc1
C: application/sdp
Contact:
  <sip:ann%61@h5.example.net;%6C%72;n%61me=v%61lue%25%34%31>
Content-Length: {len}

{sdp}"),
    ("escnull", "registered 3", "REGISTER sip:example.org SIP/2.0
To: sip:zero-%00-zero@example.org
From: sip:zero-%00-zero@example.org;tag=3
Max-Forwards: 70
Call-ID: esc-zero
CSeq: 6 REGISTER
Via: SIP/2.0/UDP h6.example.org;branch=z9hG4bKescz
Contact: <sip:%00@h6.example.org>
Contact: <sip:%00%00@h6.example.org>, <sip:x@h6.example.org>
L:0

"),
    ("esc02", "405", "OP%54ION%53 sip:hub.example.org SIP/2.0
To: \"%Q%46\" <sip:thing@example.org>
From: \"%Q%46\" <sip:thing@example.org>;tag=f4
Call-ID: esc-two
Via: SIP/2.0/TCP h.example.org;branch=z9hG4bK77%uv
CSeq: 71 OP%54ION%53
Max-Forwards: 70
Contact: <sip:one@h1.example.org>
C%6Fntact: <sip:two@h2.example.org>
Contact: <sip:three@h3.example.org>
l: 0

"),
    ("lwsdisp", "200", "OPTIONS sip:desk@example.org SIP/2.0
To: sip:desk@example.org
From: visitor<sip:visitor@example.org>;tag=8
Max-Forwards: 70
Call-ID: lws-disp
CSeq: 61 OPTIONS
Via: SIP/2.0/UDP odd.example.org;branch=z9hG4bKlwsd
l: 0

"),
    ("longreq", "incoming", "INVITE sip:desk@example.org SIP/2.0
To: \"{long}\"<sip:desk@example.org:6000;p{long}=v{long};q>
F: sip:{long}@example.net;tag={long};x{long}=y{long};z
Call-ID: {long}
CSeq: 9 INVITE
U{long}: v{long}; w{long}=x{long}; y
Via: SIP/2.0/TCP p3.example.org
v: SIP/2.0/TCP p2.example.org
V  : SIP/2.0/TCP p1.example.org
Via: SIP/2.0/TCP h.example.org;received=198.51.100.9;branch={long}
Max-Forwards: 70
Contact: <sip:{long}@h5.example.net>
Content-Type: application/sdp
l: {len}

{sdp}"),
    ("dblreq", "registered 1", "REGISTER sip:example.org SIP/2.0
To: sip:anna@example.org
From: sip:anna@example.org;tag=4
Max-Forwards: 8
I: twice
Contact: sip:anna@h.example.org
CSeq: 8 REGISTER
Via: SIP/2.0/UDP 198.51.100.4;branch=z9hG4bKtwice
Content-Length: 0

INVITE sip:zoe@example.org SIP/2.0
t: sip:zoe@example.org
"),
    ("semiuri", "200", "OPTIONS sip:desk;par=x%40example.net@example.org SIP/2.0
To: sip:d_esk@example.org
From: sip:visitor@example.net;tag=5
Max-Forwards: 3
Call-ID: semi
CSeq: 8 OPTIONS
Accept: application/sdp, application/pkcs7-mime,
      multipart/mixed, message/sipfrag
Via: SIP/2.0/UDP 198.51.100.4;branch=z9hG4bKsemi
l: 0

"),
    ("transports", "200", "OPTIONS sip:desk@example.org SIP/2.0
To: sip:desk@example.org
From: <sip:visitor@example.org>;tag=6
Max-Forwards: 70
Call-ID: ways
CSeq: 62 OPTIONS
Via: SIP/2.0/UDP w1.example.org;branch=z9hG4bKw1
Via: SIP/2.0/SCTP w2.example.org;branch=z9hG4bKw2
Via: SIP/2.0/TLS w3.example.org;branch=z9hG4bKw3
Via: SIP/2.0/CARRIERPIGEON w4.example.org;branch=z9hG4bKw4
Via: SIP/2.0/TCP w5.example.org;branch=z9hG4bKw5
l: 0

"),
    ("mpart01", "request", "MESSAGE sip:zoe@example.org SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK-part;rport
Max-Forwards: 70
Route: <sip:127.0.0.1:5080>
To: <sip:zoe@example.org>
From: <sip:anna@example.org>;tag=7
Call-ID: parts
CSeq: 1 MESSAGE
Content-Type: multipart/mixed;boundary=cut
Content-Length: {len}

--cut
Content-Type: text/plain

Hi
--cut
Content-Type: application/octet-stream

{bin}
--cut--
"),
    ("unreason", "not ours", "SIP/2.0 200 = 3**2 да и нет
Via: SIP/2.0/UDP 198.51.100.4;branch=z9hG4bKreason
Call-ID: reason
CSeq: 36 INVITE
From: sip:anna@example.org;tag=1
To: sip:zoe@example.net;tag=2
Content-Length: {len}
Content-Type: application/sdp
Contact: <sip:zoe@h.example.net>

{sdp}"),
    ("noreason", "not ours", "SIP/2.0 183 
Via: SIP/2.0/UDP 198.51.100.4;branch=z9hG4bKmute
Call-ID: mute
CSeq: 36 INVITE
From: <sip:anna@example.org>;tag=1
To: <sip:zoe@example.net>;tag=2
Content-Length: 0
Contact: <sip:zoe@h.example.net>

"),
    // §3.1.2: invalid
    ("badinv01", "400", "INVITE sip:desk@example.org SIP/2.0
To: sip:desk@example.org
From: sip:visitor@example.net;tag=9
Max-Forwards: 7
Call-ID: commas
CSeq: 8 INVITE
Via: SIP/2.0/UDP 198.51.100.4;;,,;,
Contact: \"V\" <sip:visitor@example.net>;;;
Content-Length: {len}
Content-Type: application/sdp

{sdp}"),
    ("clerr", "400", "INVITE sip:desk@example.org SIP/2.0
Max-Forwards: 80
To: sip:desk@example.org
From: sip:visitor@example.net;tag=10
Contact: <sip:visitor@h.example.net>
Call-ID: greedy
CSeq: 8 INVITE
Via: SIP/2.0/UDP h.example.net;branch=z9hG4bKgreedy
Content-Type: application/sdp
Content-Length: 8888

{sdp}"),
    ("ncl", "400", "INVITE sip:desk@example.org SIP/2.0
Max-Forwards: 254
To: sip:desk@example.org
From: sip:visitor@example.net;tag=11
Call-ID: negative
CSeq: 0 INVITE
Via: SIP/2.0/UDP 198.51.100.4;branch=z9hG4bKneg
Contact: <sip:visitor@h.example.net>
Content-Type: application/sdp
Content-Length: -7

{sdp}"),
    ("scalar02", "400", "REGISTER sip:example.org SIP/2.0
Via: SIP/2.0/TCP h.example.org;branch=z9hG4bKhuge
To: <sip:anna@example.org>
From: <sip:anna@example.org>;tag=12
CSeq: 98765432109876543210 REGISTER
Call-ID: huge
Max-Forwards: 300
Expires: 99999999999999999999999999999
Contact: <sip:anna@h.example.org>
  ;expires=999999999999999
Content-Length: 0

"),
    ("scalarlg", "bad response", "SIP/2.0 503 Service Unavailable
Via: SIP/2.0/TCP h.example.org;branch=z9hG4bKhuge2;received=198.51.100.9
To: <sip:anna@example.org>
From: <sip:zoe@example.net>;tag=2
CSeq: 98765432109876543210 OPTIONS
Call-ID: huge2
Retry-After: 99999999999999999999999999
Warning: 2000 choir \"Tuning\"
Content-Length: 0

"),
    ("quotbal", "400", "INVITE sip:desk@example.org SIP/2.0
To: \"Dr. D. Esk <sip:desk@example.org>
From: sip:visitor@example.net;tag=13
Max-Forwards: 10
Call-ID: openquote
Contact: <sip:visitor@h.example.net>
CSeq: 8 INVITE
Via: SIP/2.0/UDP 198.51.100.4:5050;branch=z9hG4bKquote
Content-Type: application/sdp
Content-Length: {len}

{sdp}"),
    ("ltgtruri", "400", "INVITE <sip:desk@example.org> SIP/2.0
To: sip:desk@example.org
From: sip:visitor@example.net;tag=14
Max-Forwards: 23
Call-ID: angles
CSeq: 1 INVITE
Via: SIP/2.0/UDP 198.51.100.4
Contact: <sip:visitor@h.example.net>
Content-Type: application/sdp
Content-Length: {len}

{sdp}"),
    ("lwsruri", "400", "INVITE sip:desk@example.org; lr SIP/2.0
To: sip:desk@example.org;tag=tt
From: sip:visitor@example.net;tag=15
Max-Forwards: 5
Call-ID: gap
CSeq: 2130706433 INVITE
Via: SIP/2.0/UDP 198.51.100.4:5060;branch=z9hG4bKgap
Contact: <sip:visitor@h.example.net>
Content-Type: application/sdp
Content-Length: {len}

{sdp}"),
    ("lwsstart", "400", "INVITE  sip:desk@example.org  SIP/2.0
Max-Forwards: 8
To: sip:desk@example.org
From: sip:visitor@example.net;tag=16
Call-ID: widestart
CSeq: 17 INVITE
Via: SIP/2.0/UDP h.example.net;branch=z9hG4bKwide
Contact: <sip:visitor@h.example.net>
Content-Type: application/sdp
Content-Length: {len}

{sdp}"),
    ("trws", "400", "OPTIONS sip:desk@example.org SIP/2.0 \t
Via: SIP/2.0/TCP h.example.org;branch=z9hG4bKtail
To: <sip:desk@example.org>
From: <sip:visitor@example.org>;tag=17
Call-ID: tail
Accept: application/sdp
CSeq: 18 OPTIONS
Max-Forwards: 70
Content-Length: 0

"),
    ("escruri", "400", "INVITE sip:desk@example.org?Route=%3Csip:evil.example.net%3E SIP/2.0
To: sip:desk@example.org
From: sip:visitor@example.net;tag=18
Max-Forwards: 7
Contact: <sip:visitor@h.example.net>
Call-ID: headers
CSeq: 19 INVITE
Via: SIP/2.0/UDP h.example.net;branch=z9hG4bKhead
Content-Type: application/sdp
Content-Length: {len}

{sdp}"),
    // The RFC lets an element ignore a Date that it has no use for; so do we.
    ("baddate", "incoming", "INVITE sip:desk@example.org SIP/2.0
To: sip:desk@example.org
From: sip:visitor@example.net;tag=19
Max-Forwards: 70
Call-ID: zone
CSeq: 20 INVITE
Via: SIP/2.0/UDP h.example.net;branch=z9hG4bKzone
Date: Mon, 02 Mar 2026 09:00:00 CET
Contact: <sip:visitor@h.example.net>
Content-Type: application/sdp
Content-Length: {len}

{sdp}"),
    ("regbadct", "400", "REGISTER sip:example.org SIP/2.0
To: sip:anna@example.org
From: sip:anna@example.org;tag=20
Max-Forwards: 70
Call-ID: bare
CSeq: 1 REGISTER
Via: SIP/2.0/UDP 198.51.100.4:5060;branch=z9hG4bKbare
Contact: sip:anna@example.org?Route=%3Csip:evil.example.net%3E
l: 0

"),
    ("badaspec", "400", "OPTIONS sip:desk@example.org SIP/2.0
Via: SIP/2.0/UDP h.example.org:5060;branch=z9hG4bKspec
Max-Forwards: 70
From: \"Visitor, A\" <sip:visitor@example.org>;tag=21
To: \"Desk, B\" < sip:desk@example.org >
Call-ID: spec
CSeq: 22 OPTIONS
l: 0

"),
    ("baddn", "400", "OPTIONS sip:desk@example.org SIP/2.0
Via:   SIP/2.0/UDP c.example.org:5060;branch=z9hG4bKdn
Max-Forwards:   70
From:  Visitor, A <sip:visitor@example.org>;tag=22
To:    Desk, B <sip:desk@example.org>
Call-ID: dn
CSeq:  23 OPTIONS
l: 0

"),
    ("badvers", "505", "OPTIONS sip:desk@example.org SIP/9.1
Via:   SIP/9.1/UDP c.example.org;branch=z9hG4bKvers
Max-Forwards:   70
From:  V <sip:visitor@example.org>;tag=23
To:    D <sip:desk@example.org>
Call-ID: vers
CSeq:  1 OPTIONS
l: 0

"),
    ("mismatch01", "400", "OPTIONS sip:desk@example.org SIP/2.0
To: sip:desk@example.org
From: sip:visitor@example.net;tag=24
Max-Forwards: 6
Call-ID: mis1
CSeq: 8 MESSAGE
Via: SIP/2.0/UDP h.example.org;branch=z9hG4bKmis1
l: 0

"),
    ("mismatch02", "400", "DANCE sip:desk@example.org SIP/2.0
To: sip:desk@example.org
From: sip:visitor@example.net;tag=25
Max-Forwards: 6
Call-ID: mis2
CSeq: 8 INVITE
Contact: <sip:visitor@h.example.net>
Via: SIP/2.0/UDP h.example.net;branch=z9hG4bKmis2
Content-Type: application/sdp
l: {len}

{sdp}"),
    ("bigcode", "unreadable", "SIP/2.0 8589934592 past every end
Via: SIP/2.0/UDP 198.51.100.4;branch=z9hG4bKbig
Call-ID: big
CSeq: 37 INVITE
From: <sip:anna@example.org>;tag=1
To: <sip:zoe@example.net>;tag=2
Content-Length: 0

"),
    // §3.2: transaction layer
    ("badbranch", "200", "OPTIONS sip:desk@example.org SIP/2.0
To: sip:desk@example.org
From: sip:visitor@example.net;tag=26
Max-Forwards: 3
Via: SIP/2.0/UDP 198.51.100.4;branch=z9hG4bK
Call-ID: cookie
CSeq: 8 OPTIONS
l: 0

"),
    // §3.3: application layer
    ("insuf", "400", "INVITE sip:desk@example.org SIP/2.0
CSeq: 27 INVITE
Via: SIP/2.0/UDP 198.51.100.4;branch=z9hG4bKfew
Content-Type: application/sdp
l: {len}

{sdp}"),
    ("unkscm", "416", "OPTIONS starship:enterprise SIP/2.0
To: sip:desk@example.org
From: sip:visitor@example.net;tag=28
Max-Forwards: 3
Call-ID: ship
CSeq: 28 OPTIONS
Via: SIP/2.0/TCP h.example.org;branch=z9hG4bKship
Content-Length: 0

"),
    ("novelsc", "416", "OPTIONS coap.tcp://198.51.100.7:4002 SIP/2.0
To: sip:desk@example.org
From: sip:visitor@example.net;tag=29
Max-Forwards: 3
Call-ID: coap
CSeq: 29 OPTIONS
Via: SIP/2.0/TCP h.example.org;branch=z9hG4bKcoap
Content-Length: 0

"),
    ("unksm2", "400", "REGISTER sip:example.org SIP/2.0
To: urn:isbn:9783161484100
From: <https://www.example.org>;tag=30
Call-ID: urn
CSeq: 30 REGISTER
Max-Forwards: 70
Via: SIP/2.0/UDP 198.51.100.4:5060;branch=z9hG4bKurn
Contact: <person:Zoe>
l: 0

"),
    ("bext01", "420", "OPTIONS sip:desk@example.org SIP/2.0
To: sip:desk@example.org
From: sip:visitor@example.net;tag=31
Max-Forwards: 6
Call-ID: ext
Require: teleportation, mindReading
Proxy-Require: clairvoyance
CSeq: 8 OPTIONS
Via: SIP/2.0/TLS h.example.org;branch=z9hG4bKext
Content-Length: 0

"),
    ("invut", "415", "INVITE sip:desk@example.org SIP/2.0
Contact: <sip:visitor@h.example.net>
To: sip:desk@example.org
From: sip:visitor@example.net;tag=32
Max-Forwards: 70
Call-ID: ut
CSeq: 32 INVITE
Via: SIP/2.0/UDP h.example.net;branch=z9hG4bKut
Content-Type: application/semaphore
Content-Length: {len}

<flags up=\"2\"/>
"),
    ("regaut01", "401", "REGISTER sip:example.org SIP/2.0
To: sip:anna@example.org
From: sip:anna@example.org;tag=33
Max-Forwards: 8
Call-ID: aut
CSeq: 33 REGISTER
Via: SIP/2.0/TCP 198.51.100.4;branch=z9hG4bKaut
Authorization: SecretHandshake grip=firm
Content-Length:0

"),
    ("multi01", "400", "INVITE sip:desk@example.org SIP/2.0
Contact: <sip:visitor@h1.example.net>
Via: SIP/2.0/UDP 198.51.100.4;branch=z9hG4bKmulti
Max-Forwards: 70
CSeq: 5 INVITE
Call-ID: multi1
CSeq: 59 INVITE
Call-ID: multi2
From: sip:visitor@example.org;tag=34
To: sip:desk@example.org
To: sip:other@example.net
From: sip:visitor@example.net;tag=35
Content-Type: application/sdp
l: {len}
Max-Forwards: 5

{sdp}"),
    ("mcl01", "400", "OPTIONS sip:desk@example.org SIP/2.0
Via: SIP/2.0/UDP h.example.net;branch=z9hG4bKmcl
To: sip:desk@example.org
From: sip:other@example.net;tag=36
Call-ID: mcl
CSeq: 36 OPTIONS
Content-Length: 11
Max-Forwards: 60
Content-Length: 4
Content-Type: text/plain

Who could tell where this ends?
"),
    ("bcast", "not ours", "SIP/2.0 200 OK
Via: SIP/2.0/UDP 198.51.100.4;branch=z9hG4bKcast1
Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bKcast2
Call-ID: cast
CSeq: 37 INVITE
From: sip:anna@example.org;tag=1
To: sip:zoe@example.net;tag=2
Content-Length: {len}
Content-Type: application/sdp
Contact: <sip:zoe@h.example.net>

{sdp}"),
    ("zeromf", "200", "OPTIONS sip:desk@example.org SIP/2.0
To: sip:desk@example.org
From: sip:visitor@example.net;tag=38
Call-ID: zero
CSeq: 38 OPTIONS
Via: SIP/2.0/UDP h.example.org;branch=z9hG4bKzero
Max-Forwards: 0
Content-Length: 0

"),
    ("cparam01", "registered 1", "REGISTER sip:example.org SIP/2.0
Via: SIP/2.0/UDP h.example.org:5060;branch=z9hG4bKcp1
Max-Forwards: 70
From: sip:anna@example.org;tag=39
To: sip:anna@example.org
Call-ID: cp1
CSeq: 2 REGISTER
Contact: sip:+4930555@gw.example.net;novelty
l: 0

"),
    ("cparam02", "registered 1", "REGISTER sip:example.org SIP/2.0
Via: SIP/2.0/UDP h.example.org:5060;branch=z9hG4bKcp2
Max-Forwards: 70
From: sip:anna@example.org;tag=40
To: sip:anna@example.org
Call-ID: cp2
CSeq: 3 REGISTER
Contact: <sip:+4930555@gw.example.net;novelty>
l: 0

"),
    ("regescrt", "registered 1", "REGISTER sip:example.org SIP/2.0
To: sip:anna@example.org
From: sip:anna@example.org;tag=41
Max-Forwards: 70
Call-ID: escrt
CSeq: 41 REGISTER
Via: SIP/2.0/UDP h.example.org;branch=z9hG4bKescrt
M: <sip:anna@example.org?Route=%3Csip:sip.example.org%3E>
L:0

"),
    ("sdp01", "406", "INVITE sip:desk@example.org SIP/2.0
To: sip:desk@example.org
Contact: <sip:visitor@h.example.net>
From: sip:visitor@example.net;tag=42
Max-Forwards: 5
Call-ID: acc
Accept: text/telepathy
CSeq: 8 INVITE
Via: SIP/2.0/UDP 198.51.100.4;branch=z9hG4bKacc
Content-Length: {len}
Content-Type: application/sdp

{sdp}"),
    // §3.4: backward compatibility
    ("inv2543", "incoming", "INVITE sip:Desk@example.org SIP/2.0
Via: SIP/2.0/UDP old.example.org
From: <sip:+4930111@ift.example.net;user=phone>
Record-Route: <sip:Desk@example.org;maddr=p1.example.org>
To: sip:+4930222@p1.example.net;user=phone
Call-ID: old
CSeq: 57 INVITE
Content-Type: application/sdp

{sdp}"),
];
