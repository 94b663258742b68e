//! Everything that does not belong to a table.

use crate::postgres::schema::object::ObjectKind;

pub(super) const STATEMENTS: &[(ObjectKind, &str)] = &[
    (
        ObjectKind::Schema,
        "SELECT quote_ident(n.nspname), NULL, json_build_object(
            'owner', @owner(n.nspowner), 'grants', @grants(n.nspacl, n, n.nspowner))
          FROM pg_namespace n WHERE @own(n) AND @free(pg_namespace, n.oid)",
    ),
    (
        ObjectKind::Extension,
        "SELECT quote_ident(x.extname), NULL, json_build_object(
            'version', x.extversion, 'schema', n.nspname)
          FROM pg_extension x JOIN pg_namespace n ON n.oid = x.extnamespace",
    ),
    (
        ObjectKind::Type,
        "SELECT format('%I.%I', n.nspname, t.typname), NULL, json_build_object(
            'kind', CASE t.typtype WHEN 'e' THEN 'enumeration' WHEN 'c' THEN 'composite'
                                   WHEN 'r' THEN 'range' WHEN 'm' THEN 'multirange' ELSE 'base' END,
            'values', (SELECT string_agg(quote_literal(l.enumlabel), ', ' ORDER BY l.enumsortorder)
                FROM pg_enum l WHERE l.enumtypid = t.oid),
            'attributes', CASE WHEN t.typtype = 'c' THEN
                (SELECT string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', '
                        ORDER BY a.attnum)
                   FROM pg_attribute a
                  WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) END,
            'subtype', (SELECT format_type(r.rngsubtype, NULL) FROM pg_range r WHERE r.rngtypid = t.oid),
            'owner', @owner(t.typowner), 'grants', @grants(t.typacl, T, t.typowner))
          FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
          LEFT JOIN pg_class c ON c.oid = t.typrelid
         WHERE t.typtype <> 'd' AND (t.typrelid = 0 OR c.relkind = 'c') AND t.typcategory <> 'A'
           AND t.typisdefined AND @own(n) AND @free(pg_type, t.oid)",
    ),
    (
        ObjectKind::Domain,
        "SELECT format('%I.%I', n.nspname, t.typname), NULL, json_build_object(
            'type', format_type(t.typbasetype, t.typtypmod), 'default', t.typdefault,
            'nulls', CASE WHEN t.typnotnull THEN 'forbidden' ELSE 'allowed' END,
            'collation', (SELECT format('%I.%I', cn.nspname, col.collname) FROM pg_collation col
                JOIN pg_namespace cn ON cn.oid = col.collnamespace WHERE col.oid = t.typcollation),
            'owner', @owner(t.typowner), 'grants', @grants(t.typacl, T, t.typowner))
          FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
         WHERE t.typtype = 'd' AND @own(n) AND @free(pg_type, t.oid)",
    ),
    (
        ObjectKind::Sequence,
        "SELECT format('%I.%I', n.nspname, c.relname), NULL, json_build_object(
            'type', format_type(s.seqtypid, NULL), 'start', s.seqstart, 'increment', s.seqincrement,
            'minimum', s.seqmin, 'maximum', s.seqmax, 'cache', s.seqcache, 'cycle', s.seqcycle,
            'column', (SELECT format('%I.%I.%I', tn.nspname, tc.relname, a.attname)
                FROM pg_depend d JOIN pg_class tc ON tc.oid = d.refobjid
                JOIN pg_namespace tn ON tn.oid = tc.relnamespace
                JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
               WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refobjsubid > 0
                 AND d.deptype IN ('a', 'i') LIMIT 1),
            'owner', @owner(c.relowner), 'grants', @grants(c.relacl, s, c.relowner))
          FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid
          JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relpersistence <> 't' AND @own(n) AND @free(pg_class, c.oid)",
    ),
    (
        ObjectKind::Function,
        "SELECT format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)),
                NULL, json_build_object(
            'kind', CASE p.prokind WHEN 'a' THEN 'aggregate' WHEN 'p' THEN 'procedure'
                                   WHEN 'w' THEN 'window function' ELSE 'function' END,
            'definition', CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) ELSE
                (SELECT format('%s of %s, state %s, first %L, end %s', pg_get_function_result(p.oid),
                               a.aggtransfn, format_type(a.aggtranstype, NULL), a.agginitval, a.aggfinalfn)
                   FROM pg_aggregate a WHERE a.aggfnoid = p.oid) END,
            'owner', @owner(p.proowner), 'grants', @grants(p.proacl, f, p.proowner))
          FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
         WHERE @own(n) AND @free(pg_proc, p.oid)
           AND NOT EXISTS (SELECT FROM pg_depend i WHERE i.classid = 'pg_proc'::regclass
                              AND i.objid = p.oid AND i.deptype = 'i')",
    ),
    (
        ObjectKind::Statistics,
        "SELECT format('%I.%I', n.nspname, s.stxname), NULL, json_build_object(
            'definition', pg_get_statisticsobjdef(s.oid), 'owner', @owner(s.stxowner))
          FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace WHERE @own(n)",
    ),
    (
        ObjectKind::EventTrigger,
        "SELECT quote_ident(e.evtname), NULL, json_build_object(
            'event', e.evtevent, 'function', e.evtfoid::regprocedure, 'tags', array_to_string(e.evttags, ', '),
            'state', CASE e.evtenabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'for replicas'
                                       WHEN 'A' THEN 'always enabled' ELSE 'enabled' END)
          FROM pg_event_trigger e WHERE @free(pg_event_trigger, e.oid)",
    ),
    (
        ObjectKind::Publication,
        "SELECT quote_ident(p.pubname), NULL, json_build_object(
            'all tables', p.puballtables, 'insert', p.pubinsert, 'update', p.pubupdate,
            'delete', p.pubdelete, 'truncate', p.pubtruncate,
            'tables', (SELECT string_agg(format('%I.%I', t.schemaname, t.tablename), ', '
                              ORDER BY t.schemaname, t.tablename)
                FROM pg_publication_tables t WHERE t.pubname = p.pubname AND NOT p.puballtables))
          FROM pg_publication p",
    ),
    (
        ObjectKind::DefaultPrivileges,
        "SELECT format('of %s%s on %s', @owner(d.defaclrole),
                       CASE WHEN n.oid IS NULL THEN '' ELSE format(' in %I', n.nspname) END,
                       CASE d.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences'
                            WHEN 'f' THEN 'functions' WHEN 'T' THEN 'types' ELSE 'schemas' END),
                NULL, json_build_object(
            'grants', (SELECT string_agg(format('%s to %s', g.privilege_type, @owner(g.grantee)), ', '
                ORDER BY g.privilege_type, g.grantee) FROM aclexplode(d.defaclacl) g))
          FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace",
    ),
    (
        ObjectKind::Setting,
        "SELECT format('%s%s', split_part(c.c, '=', 1),
                       CASE WHEN s.setrole = 0 THEN '' ELSE ' for ' || @owner(s.setrole) END),
                NULL, json_build_object('value', substr(c.c, strpos(c.c, '=') + 1))
          FROM pg_db_role_setting s, unnest(s.setconfig) c(c)
         WHERE s.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())",
    ),
];
