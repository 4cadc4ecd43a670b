//! Which country a telephone number is of.

/// Calling codes of ITU-T E.164 with the country of ISO 3166-1 that has them. None begins another.
const CODES: &str = "20EG 211SS 212MA 213DZ 216TN 218LY 220GM 221SN 222MR 223ML 224GN 225CI 226BF 227NE 228TG 229BJ 230MU 231LR 232SL 233GH 234NG 235TD 236CF \
     237CM 238CV 239ST 240GQ 241GA 242CG 243CD 244AO 245GW 246IO 248SC 249SD 250RW 251ET 252SO 253DJ 254KE 255TZ 256UG 257BI 258MZ 260ZM \
     261MG 262RE 263ZW 264NA 265MW 266LS 267BW 268SZ 269KM 27ZA 290SH 291ER 297AW 298FO 299GL 30GR 31NL 32BE 33FR 34ES 350GI 351PT 352LU \
     353IE 354IS 355AL 356MT 357CY 358FI 359BG 36HU 370LT 371LV 372EE 373MD 374AM 375BY 376AD 377MC 378SM 379VA 380UA 381RS 382ME 385HR 386SI \
     387BA 389MK 39IT 40RO 41CH 420CZ 421SK 423LI 43AT 44GB 45DK 46SE 47NO 48PL 49DE 500FK 501BZ 502GT 503SV 504HN 505NI 506CR 507PA 508PM \
     509HT 51PE 52MX 53CU 54AR 55BR 56CL 57CO 58VE 590GP 591BO 592GY 593EC 594GF 595PY 596MQ 597SR 598UY 599CW 60MY 61AU 62ID 63PH 64NZ 65SG \
     66TH 670TL 672NF 673BN 674NR 675PG 676TO 677SB 678VU 679FJ 680PW 681WF 682CK 683NU 685WS 686KI 687NC 688TV 689PF 690TK 691FM 692MH 81JP \
     82KR 84VN 850KP 852HK 853MO 855KH 856LA 86CN 880BD 886TW 90TR 91IN 92PK 93AF 94LK 95MM 960MV 961LB 962JO 963SY 964IQ 965KW 966SA 967YE \
     968OM 970PS 971AE 972IL 973BH 974QA 975BT 976MN 977NP 98IR 992TJ 993TM 994AZ 995GE 996KG 998UZ";

/// Area codes of the North American plan (calling code 1) that are not of the United States.
const AREAS: &str = "242BS 246BB 264AI 268AG 284VG 340VI 345KY 441BM 473GD 649TC 658JM 876JM 664MS 670MP 671GU 684AS 721SX 758LC 767DM 784VC 787PR 939PR \
     809DO 829DO 849DO 868TT 869KN 204CA 226CA 236CA 249CA 250CA 257CA 263CA 289CA 306CA 343CA 354CA 365CA 367CA 368CA 382CA 387CA 403CA \
     416CA 418CA 428CA 431CA 437CA 438CA 450CA 460CA 468CA 474CA 506CA 514CA 519CA 548CA 579CA 581CA 584CA 587CA 604CA 613CA 639CA 647CA \
     672CA 683CA 705CA 709CA 742CA 753CA 778CA 780CA 782CA 807CA 819CA 825CA 867CA 873CA 879CA 902CA 905CA 942CA";

/// Area codes of the same plan that are of no country: who is called pays.
const NOBODYS: [&str; 8] = ["800", "822", "833", "844", "855", "866", "877", "888"];

/// ISO 3166-1 alpha-2 of a number in E.164 with `+`; empty where it has none, and where the number is not written so.
pub fn country_of(number: &str) -> &'static str {
    let Some(digits) = number.strip_prefix('+') else { return "" };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return "";
    }
    match digits.as_bytes() {
        [b'1', ..] => match digits.get(1..4) {
            Some(area) if NOBODYS.contains(&area) => "",
            Some(area) => found(AREAS, area).unwrap_or("US"),
            None => "",
        },
        // Kazakhstan has the zones 6 and 7 of the plan that it shares with Russia.
        [b'7', b'6' | b'7', ..] => "KZ",
        [b'7', ..] => "RU",
        _ => {
            let code = |length: usize| digits.get(..length).and_then(|code| found(CODES, code));
            code(2).or_else(|| code(3)).unwrap_or("")
        }
    }
}

fn found(table: &'static str, code: &str) -> Option<&'static str> {
    let mut entries = table.split_ascii_whitespace();
    entries.find_map(|entry| entry.strip_prefix(code).filter(|country| country.len() == 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_is_of_the_country_whose_code_it_begins_with() {
        let numbers = [
            "+8613800138000",
            "+85223456789",
            "+4930123456",
            "+12125550100",
            "+14165550100",
            "+18005550100",
            "+77012345678",
            "+79161234567",
            "+442071234567",
            "+35312345",
            "+999123",
            "13800138000",
            "+49x",
        ];
        assert_eq!(numbers.map(country_of), ["CN", "HK", "DE", "US", "CA", "", "KZ", "RU", "GB", "IE", "", "", ""]);
    }

    #[test]
    fn no_calling_code_begins_another() {
        let codes: Vec<&str> = CODES.split_ascii_whitespace().map(|entry| &entry[..entry.len() - 2]).collect();
        let begins = |code: &&str| codes.iter().any(|other| other != code && other.starts_with(*code));
        assert_eq!(codes.iter().filter(|code| begins(code)).count(), 0);
    }
}
