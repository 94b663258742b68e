//! Histories as EDN, the notation of Clojure, in which most histories of Jepsen are published.

use std::io::Read;

use serde_json::{Map, Value};

use super::{Entry, EntryKind, History, HistoryError, Process};

/// How much text is read: 1 GiB, as all of it is kept while it is read.
const MOST: u64 = 1 << 30;

/// How deep values may be nested.
const DEEPEST: usize = 128;

impl History {
    /// Reads a history in EDN: maps such as `{:type :invoke, :f :read, :process 0, :value nil}`, one
    /// after another or in a vector, with or without a tag.
    ///
    /// Keywords and symbols become texts without the colon, vectors, lists and sets become arrays, and
    /// maps become objects. A key of its own, `:key "x"`, is put before the value: `["x", value]`.
    ///
    /// ```
    /// use chaos_core::history::History;
    ///
    /// let text = "{:process 0, :type :invoke, :f :txn, :value [[:append 5 1] [:r 6 nil]]}
    ///             {:process 0, :type :ok, :f :txn, :value [[:append 5 1] [:r 6 [2 3]]]}";
    /// let history = History::from_edn(text.as_bytes())?;
    /// assert_eq!(history.entries()[1].value.to_string(), r#"[["append",5,1],["r",6,[2,3]]]"#);
    /// # Ok::<(), chaos_core::history::HistoryError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the source cannot be read or is longer than 1 GiB; when it is no EDN, nested deeper than
    /// 128, or not made of entries: it says in which line.
    pub fn from_edn(source: impl Read) -> Result<Self, HistoryError> {
        let text = whole(source)?;
        let mut reader = Reader { text: &text, at: 0, line: 1, depth: 0 };
        let mut entries = Vec::new();
        while let Some(form) = reader.form()? {
            match form {
                Value::Array(forms) => {
                    for form in forms {
                        entries.push(reader.entry(form)?);
                    }
                }
                form => entries.push(reader.entry(form)?),
            }
        }
        Ok(numbered(entries))
    }

    /// Reads the log of a test of Jepsen, in which lines such as
    /// `INFO  jepsen.util - 0 :invoke :read nil` tell what happened. Other lines are skipped.
    ///
    /// # Errors
    ///
    /// When the source cannot be read or is longer than 1 GiB; when such a line is not of this form.
    pub fn from_jepsen_log(source: impl Read) -> Result<Self, HistoryError> {
        let text = whole(source)?;
        let mut entries = Vec::new();
        for (line, text) in (1..).zip(text.split(|byte| *byte == b'\n')) {
            let Some(at) = find(text, b"jepsen.util - ") else { continue };
            let mut reader = Reader { text, at, line, depth: 0 };
            let mut part = |what: &str| {
                reader
                    .form()?
                    .ok_or_else(|| HistoryError::Edn { line, what: format!("{what} is missing") })
            };
            let (process, kind) = (part("the process")?, part("the type")?);
            // Whatever else is logged.
            if kind.as_str().is_none_or(|kind| kind_of(kind).is_none()) {
                continue;
            }
            let (f, value) = (part("the function")?, part("the value")?);
            let fields = [("process", process), ("type", kind), ("f", f), ("value", value)];
            let fields = fields.map(|(name, value)| (name.to_owned(), value)).into_iter().collect();
            entries.push(reader.entry(Value::Object(fields))?);
        }
        Ok(numbered(entries))
    }
}

fn whole(source: impl Read) -> Result<Vec<u8>, HistoryError> {
    let mut text = Vec::new();
    source.take(MOST + 1).read_to_end(&mut text).map_err(HistoryError::Read)?;
    if text.len() as u64 > MOST {
        let what = "the source is longer than 1 GiB; JSON lines of transactions are read by \
                    `Transactions::from_jsonl` without keeping them";
        return Err(HistoryError::Edn { line: 1, what: what.to_owned() });
    }
    Ok(text)
}

/// Entries without an index are numbered as they stand.
fn numbered(mut entries: Vec<Entry>) -> History {
    if entries.iter().all(|entry| entry.index == 0) {
        for (index, entry) in (0..).zip(&mut entries) {
            entry.index = index;
        }
    }
    History::new(entries)
}

fn find(text: &[u8], pattern: &[u8]) -> Option<usize> {
    text.windows(pattern.len()).position(|window| window == pattern).map(|at| at + pattern.len())
}

fn kind_of(text: &str) -> Option<EntryKind> {
    Some(match text {
        "invoke" => EntryKind::Invoke,
        "ok" => EntryKind::Ok,
        "fail" => EntryKind::Fail,
        "info" => EntryKind::Info,
        _ => return None,
    })
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    line: u64,
    depth: usize,
}

impl Reader<'_> {
    fn wrong<T>(&self, what: impl Into<String>) -> Result<T, HistoryError> {
        Err(HistoryError::Edn { line: self.line, what: what.into() })
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn advance(&mut self) {
        self.line += u64::from(self.peek() == Some(b'\n'));
        self.at += 1;
    }

    /// Goes on behind blanks, commas and comments.
    fn blanks(&mut self) {
        while let Some(byte) = self.peek() {
            match byte {
                b';' => {
                    while self.peek().is_some_and(|byte| byte != b'\n') {
                        self.advance();
                    }
                }
                b',' => self.advance(),
                byte if byte.is_ascii_whitespace() => self.advance(),
                _ => break,
            }
        }
    }

    /// The next form; none at the end of the text.
    fn form(&mut self) -> Result<Option<Value>, HistoryError> {
        self.blanks();
        let Some(byte) = self.peek() else { return Ok(None) };
        if self.depth >= DEEPEST {
            return self.wrong(format!("values are nested deeper than {DEEPEST}"));
        }
        self.depth += 1;
        let form = match byte {
            b'[' => self.sequence(b']').map(Value::Array),
            b'(' => self.sequence(b')').map(Value::Array),
            b'{' => self.map(),
            b'"' => self.string().map(Value::String),
            b'\\' => {
                self.advance();
                self.token().map(Value::String)
            }
            b'#' => self.tagged(),
            b']' | b')' | b'}' => self.wrong(format!("`{}` closes nothing", char::from(byte))),
            b'\'' | b'^' | b'@' | b'`' | b'~' => {
                self.wrong(format!("`{}` is no EDN", char::from(byte)))
            }
            _ => self.token().map(|token| atom(&token)),
        };
        self.depth -= 1;
        form.map(Some)
    }

    fn some_form(&mut self) -> Result<Value, HistoryError> {
        match self.form()? {
            Some(form) => Ok(form),
            None => self.wrong("the text ends in the midst of a value"),
        }
    }

    fn sequence(&mut self, end: u8) -> Result<Vec<Value>, HistoryError> {
        let begun = self.line;
        self.advance();
        let mut values = Vec::new();
        loop {
            self.blanks();
            match self.peek() {
                None => {
                    return self.wrong(format!("what was opened in line {begun} is not closed"));
                }
                Some(byte) if byte == end => {
                    self.advance();
                    return Ok(values);
                }
                // What is discarded is no value.
                Some(b'#') if self.text.get(self.at + 1) == Some(&b'_') => self.discard()?,
                Some(_) => values.push(self.some_form()?),
            }
        }
    }

    fn discard(&mut self) -> Result<(), HistoryError> {
        self.advance();
        self.advance();
        self.some_form().map(drop)
    }

    fn map(&mut self) -> Result<Value, HistoryError> {
        let mut fields = Map::new();
        let mut forms = self.sequence(b'}')?.into_iter();
        while let Some(key) = forms.next() {
            let Some(value) = forms.next() else {
                return self.wrong("a map has a key without a value");
            };
            let key = match key {
                Value::String(text) => text,
                other => other.to_string(),
            };
            fields.insert(key, value);
        }
        Ok(Value::Object(fields))
    }

    /// A set, something to leave out, or a value with a tag, which says nothing here.
    fn tagged(&mut self) -> Result<Value, HistoryError> {
        match self.text.get(self.at + 1) {
            Some(b'{') => {
                self.advance();
                self.sequence(b'}').map(Value::Array)
            }
            Some(b'_') => {
                self.discard()?;
                self.some_form()
            }
            Some(byte) if byte.is_ascii_alphabetic() => {
                self.advance();
                self.token()?;
                self.some_form()
            }
            _ => self.wrong("`#` is followed by a tag, a set or `_`"),
        }
    }

    fn string(&mut self) -> Result<String, HistoryError> {
        let begun = self.line;
        self.advance();
        let mut bytes = Vec::new();
        loop {
            let Some(byte) = self.peek() else {
                return self.wrong(format!("the text that begins in line {begun} has no end"));
            };
            self.advance();
            match byte {
                b'"' => break,
                b'\\' => {
                    let escaped = self.peek();
                    self.advance();
                    match escaped {
                        Some(b'n') => bytes.push(b'\n'),
                        Some(b't') => bytes.push(b'\t'),
                        Some(b'r') => bytes.push(b'\r'),
                        Some(same @ (b'"' | b'\\')) => bytes.push(same),
                        Some(b'u') => {
                            let digits = self.text.get(self.at..self.at + 4).unwrap_or_default();
                            let digits = std::str::from_utf8(digits).unwrap_or_default();
                            let code =
                                u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
                            let Some(code) = code else {
                                return self.wrong("`\\u` needs four digits");
                            };
                            self.at += 4;
                            bytes.extend(code.to_string().bytes());
                        }
                        _ => return self.wrong("a text has an escape that EDN does not know"),
                    }
                }
                byte => bytes.push(byte),
            }
        }
        String::from_utf8(bytes).or_else(|_| self.wrong("a text is not in UTF-8"))
    }

    /// A number, a keyword or a symbol.
    fn token(&mut self) -> Result<String, HistoryError> {
        let begin = self.at;
        let ends = |byte: u8| byte.is_ascii_whitespace() || b",;\"()[]{}".contains(&byte);
        while self.peek().is_some_and(|byte| !ends(byte)) {
            self.advance();
        }
        if begin == self.at {
            return self.wrong("a value is missing");
        }
        match std::str::from_utf8(&self.text[begin..self.at]) {
            Ok(token) => Ok(token.to_owned()),
            Err(_) => self.wrong("a name is not in UTF-8"),
        }
    }

    fn entry(&self, form: Value) -> Result<Entry, HistoryError> {
        let Value::Object(mut fields) = form else {
            let what = format!(
                "an entry is a map such as {{:process 0, :type :ok, :f :read, :value 1}}, and not \
                 {form}"
            );
            return self.wrong(what);
        };
        let mut take = |name: &str| fields.remove(name).unwrap_or(Value::Null);
        let kind = take("type");
        let Some(kind) = kind.as_str().and_then(kind_of) else {
            return self.wrong(format!(":type is :invoke, :ok, :fail or :info, and not {kind}"));
        };
        let process = match take("process") {
            Value::String(name) => Process::Other(name),
            other => match other.as_i64() {
                Some(number) => Process::Client(number),
                None => {
                    return self.wrong(format!(":process is a number or a name, and not {other}"));
                }
            },
        };
        let (index, time) = (take("index"), take("time"));
        let f = match take("f") {
            Value::Null => None,
            Value::String(name) => Some(name),
            other => Some(other.to_string()),
        };
        let (value, error) = (take("value"), take("error"));
        let value = match take("key") {
            Value::Null => value,
            key => Value::Array(vec![key, value]),
        };
        Ok(Entry {
            index: index.as_u64().unwrap_or_default(),
            time: time.as_i64().unwrap_or_default(),
            process,
            kind,
            f,
            value,
            error: (!error.is_null()).then_some(error),
        })
    }
}

/// A number, a keyword or a symbol as a value.
fn atom(token: &str) -> Value {
    match token {
        "nil" => return Value::Null,
        "true" => return Value::Bool(true),
        "false" => return Value::Bool(false),
        _ => {}
    }
    if let Some(keyword) = token.strip_prefix(':') {
        return Value::String(keyword.to_owned());
    }
    let number = token.strip_suffix(['N', 'M']).unwrap_or(token);
    let digits = number.strip_prefix(['+', '-']).unwrap_or(number);
    if digits.starts_with(|first: char| first.is_ascii_digit()) {
        let integer = number.strip_prefix('+').unwrap_or(number).parse::<i64>().map(Value::from);
        let float =
            || number.parse::<f64>().ok().filter(|float| float.is_finite()).map(Value::from);
        if let Some(number) = integer.ok().or_else(float) {
            return number;
        }
    }
    Value::String(token.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn values(text: &str) -> Vec<Value> {
        let text = format!("{{:type :ok :process 1 :value [{text}]}}");
        let history = History::from_edn(text.as_bytes()).unwrap();
        history.entries()[0].value.as_array().unwrap().clone()
    }

    #[test]
    fn every_kind_of_value_is_read() {
        assert_eq!(
            values(r#"nil true 3 -4 5N 1.5 :append x/y "a\"\n\u00e9" \c (1 2) #{7} {:a 1, 2 "b"}"#),
            [
                json!(null),
                json!(true),
                json!(3),
                json!(-4),
                json!(5),
                json!(1.5),
                json!("append"),
                json!("x/y"),
                json!("a\"\né"),
                json!("c"),
                json!([1, 2]),
                json!([7]),
                json!({"a": 1, "2": "b"}),
            ]
        );
        assert_eq!(values("1 #_ 2 ; 3\n #inst \"2020\""), [json!(1), json!("2020")]);
    }

    #[test]
    fn entries_stand_alone_or_in_a_vector_and_may_have_a_tag() {
        let one =
            "#jepsen.history.Op{:index 4, :time 9, :type :invoke, :process :nemesis, :f :kill}";
        for text in [one.to_owned(), format!("[{one}]")] {
            let history = History::from_edn(text.as_bytes()).unwrap();
            let [entry] = history.entries() else { panic!() };
            assert_eq!((entry.index, entry.time, entry.kind), (4, 9, EntryKind::Invoke));
            assert_eq!(entry.process, Process::Other("nemesis".into()));
        }
        let keyed = r#"{:process 0, :type :invoke, :f :put, :key "a", :value "x"}"#;
        let history = History::from_edn(keyed.as_bytes()).unwrap();
        assert_eq!(history.entries()[0].value, json!(["a", "x"]));
    }

    #[test]
    fn an_error_says_in_which_line_and_what() {
        let cases = [
            ("\n[", "line 2: what was opened in line 2 is not closed"),
            (
                "{:type :done :process 1}",
                "line 1: :type is :invoke, :ok, :fail or :info, and not \"done\"",
            ),
            ("{:type :ok :process 1.5}", "line 1: :process is a number or a name, and not 1.5"),
            ("{:type}", "line 1: a map has a key without a value"),
            ("5", "line 1: an entry is a map such as"),
            ("]", "line 1: `]` closes nothing"),
            ("\"a", "line 1: the text that begins in line 1 has no end"),
            (r#""\x""#, "line 1: a text has an escape that EDN does not know"),
            (r#""\u12"#, "line 1: `\\u` needs four digits"),
            ("#", "line 1: `#` is followed by a tag, a set or `_`"),
            ("'a", "line 1: `'` is no EDN"),
        ];
        for (text, expected) in cases {
            let error = History::from_edn(text.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
        let deep = "[".repeat(1_000_000);
        let error = History::from_edn(deep.as_bytes()).unwrap_err().to_string();
        assert_eq!(error, "line 1: values are nested deeper than 128");
    }

    #[test]
    fn a_log_is_read_and_other_lines_of_it_are_skipped() {
        let log = "INFO  jepsen.core - Worker 1 starting\n\
                   INFO  jepsen.util - 2\t:invoke\t:cas\t[1 4]\n\
                   INFO  jepsen.util - :nemesis\t:info\t:start\tnil\n\
                   INFO  jepsen.util - 2\t:info\t:cas\t:timed-out\n";
        let history = History::from_jepsen_log(log.as_bytes()).unwrap();
        let kinds: Vec<_> = history.entries().iter().map(|entry| entry.kind).collect();
        assert_eq!(kinds, [EntryKind::Invoke, EntryKind::Info, EntryKind::Info]);
        assert_eq!(history.entries()[0].value, json!([1, 4]));
        let error = History::from_jepsen_log(&b"jepsen.util - 2 :ok :read"[..]).unwrap_err();
        assert_eq!(error.to_string(), "line 1: the value is missing");
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[\\[\\](){}#_:\"\\\\;,a-z0-9. \n]{0,60}") {
            drop(History::from_edn(text.as_bytes()));
            drop(History::from_jepsen_log(format!("jepsen.util - {text}").as_bytes()));
        }
    }
}
