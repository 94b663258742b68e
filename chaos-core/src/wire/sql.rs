//! Just enough of the grammar of SQL to compare statements.

/// A statement in a form in which statements can be compared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Statement {
    /// Without comments and needless white space, and in capital letters outside of quotes.
    pub(crate) text: String,
    /// The same, with every literal and parameter replaced by `?`.
    pub(crate) fingerprint: String,
}

/// The statements of a query, in order; none for an empty one.
pub(crate) fn statements(sql: &str) -> Vec<Statement> {
    let mut all = Vec::new();
    let mut statement = Statement::default();
    let mut rest = sql;
    let mut has_gap = false;
    while let Some((token, length)) = token(rest) {
        let (text, behind) = rest.split_at(length);
        rest = behind;
        match token {
            Token::Gap => has_gap = true,
            Token::End => all.push(std::mem::take(&mut statement)),
            Token::Quoted | Token::Word | Token::Mark | Token::Literal => {
                let keeps = token == Token::Quoted || token == Token::Literal;
                let text = if keeps { text.to_owned() } else { text.to_ascii_uppercase() };
                let abstracted = if token == Token::Literal { "?" } else { &text };
                let joined =
                    [(&mut statement.text, &*text), (&mut statement.fingerprint, abstracted)];
                for (whole, part) in joined {
                    if has_gap && ends_in_word(whole) && starts_with_word(part) {
                        whole.push(' ');
                    }
                    whole.push_str(part);
                }
                has_gap = false;
            }
        }
    }
    all.push(statement);
    all.retain(|statement| !statement.text.is_empty());
    all
}

/// Whether it says to commit.
pub(crate) fn is_commit(statement: &Statement) -> bool {
    let mut words = statement.text.split(|letter: char| !is_word(letter));
    let (first, second) = (words.next(), words.next());
    matches!(first, Some("COMMIT" | "END")) && second != Some("PREPARED")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    /// White space or a comment.
    Gap,
    /// A semicolon.
    End,
    /// An identifier in quotes.
    Quoted,
    /// A keyword or an identifier.
    Word,
    /// A string, a number or a parameter.
    Literal,
    /// Anything else: one character.
    Mark,
}

/// The first token of a text, and its length in bytes.
fn token(text: &str) -> Option<(Token, usize)> {
    let first = text.chars().next()?;
    let second = text[first.len_utf8()..].chars().next();
    let run = |is: fn(char) -> bool| text.find(|letter| !is(letter)).unwrap_or(text.len());
    Some(match (first, second) {
        _ if first.is_whitespace() => (Token::Gap, run(char::is_whitespace)),
        ('-', Some('-')) => (Token::Gap, text.find('\n').unwrap_or(text.len())),
        ('/', Some('*')) => (Token::Gap, comment(text)),
        (';', _) => (Token::End, 1),
        ('"', _) => (Token::Quoted, quoted(text, 1, b'"', false)),
        ('\'', _) => (Token::Literal, quoted(text, 1, b'\'', false)),
        ('E' | 'e', Some('\'')) => (Token::Literal, quoted(text, 2, b'\'', true)),
        ('B' | 'b' | 'X' | 'x' | 'N' | 'n', Some('\'')) => {
            (Token::Literal, quoted(text, 2, b'\'', false))
        }
        ('$', Some(digit)) if digit.is_ascii_digit() => {
            let digits = text[1..].find(|letter: char| !letter.is_ascii_digit());
            (Token::Literal, digits.map_or(text.len(), |digits| digits + 1))
        }
        ('$', _) => dollar_quoted(text).map_or((Token::Mark, 1), |end| (Token::Literal, end)),
        _ if first.is_ascii_digit() => {
            (Token::Literal, run(|letter| is_word(letter) || letter == '.'))
        }
        _ if is_word(first) => (Token::Word, run(is_word)),
        _ => (Token::Mark, first.len_utf8()),
    })
}

/// The length of a comment, which may hold others.
fn comment(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut depth, mut at) = (0_usize, 0);
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"/*" => depth += 1,
            b"*/" if depth == 1 => return at + 2,
            b"*/" => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
    }
    text.len()
}

/// The length of a text in quotes of which `opening` bytes open it. Quotes are doubled in it.
fn quoted(text: &str, opening: usize, quote: u8, has_escapes: bool) -> usize {
    let bytes = text.as_bytes();
    let mut at = opening;
    while at < bytes.len() {
        if has_escapes && bytes[at] == b'\\' {
            at += 1;
        } else if bytes[at] == quote {
            if bytes.get(at + 1) != Some(&quote) {
                return at + 1;
            }
            at += 1;
        }
        at += 1;
    }
    text.len()
}

/// The length of a text in dollar quotes, if it begins with one.
fn dollar_quoted(text: &str) -> Option<usize> {
    let tag = text[1..].find('$').map(|end| &text[..end + 2])?;
    if !tag[1..tag.len() - 1].chars().all(is_word) {
        return None;
    }
    let end = text[tag.len()..].find(tag);
    Some(end.map_or(text.len(), |end| end + 2 * tag.len()))
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn starts_with_word(text: &str) -> bool {
    text.starts_with(|letter: char| is_word(letter) || "?'\"$".contains(letter))
}

fn ends_in_word(text: &str) -> bool {
    text.ends_with(|letter: char| is_word(letter) || "?'\"$".contains(letter))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(sql: &str) -> Vec<String> {
        statements(sql).into_iter().map(|statement| statement.text).collect()
    }

    fn fingerprint(sql: &str) -> String {
        let all: Vec<_> = statements(sql).into_iter().map(|one| one.fingerprint).collect();
        all.join(";")
    }

    #[test]
    fn case_white_space_and_comments_do_not_matter() {
        let expected = ["INSERT INTO T(A)VALUES($1)"];
        for sql in [
            "insert into t (a) values ($1)",
            "/* who /* asks */ */ INSERT\n  INTO t(a) -- the row\n VALUES( $1 );",
            "  ;; insert into t(a)values($1) ; ",
        ] {
            assert_eq!(texts(sql), expected, "{sql}");
        }
    }

    #[test]
    fn quotes_keep_what_is_in_them() {
        let sql = "SELECT 'a;''--' || e'\\';' || $x$;$$;$x$, \"My;Id\"; COMMIT";
        assert_eq!(texts(sql), ["SELECT 'a;''--'||e'\\';'||$x$;$$;$x$,\"My;Id\"", "COMMIT"]);
    }

    #[test]
    fn literals_and_parameters_have_the_same_fingerprint() {
        let expected = "UPDATE T SET A=?,B=? WHERE ID=?";
        for sql in [
            "UPDATE t SET a = 1.5e3, b = 'x' WHERE id = $2",
            "update t set a=$1,b=$$y$$ where id=7",
        ] {
            assert_eq!(fingerprint(sql), expected);
        }
        assert_ne!(fingerprint("UPDATE t2 SET a = 1"), fingerprint("UPDATE t3 SET a = 1"));
    }

    #[test]
    fn a_commit_is_told_from_what_looks_like_one() {
        let is = |sql: &str| statements(sql).iter().any(is_commit);
        for sql in ["COMMIT", "end", " /**/ commit work;", "commit and chain", "INSERT x; COMMIT"] {
            assert!(is(sql), "{sql}");
        }
        for sql in ["COMMITTED", "COMMIT PREPARED 'x'", "SELECT 'COMMIT'", "ROLLBACK", ""] {
            assert!(!is(sql), "{sql}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken_apart_whole(sql in "[ a1'\"$;/*\\\\eE\u{e9}\n-]{0,40}") {
            let mut rest = &*sql;
            while let Some((_, length)) = token(rest) {
                prop_assert!(length > 0 && length <= rest.len() && rest.is_char_boundary(length));
                rest = &rest[length..];
            }
            // White space before a statement is none of its own.
            prop_assert_eq!(statements(&format!(" \n{sql}")), statements(&sql));
        }
    }
}
