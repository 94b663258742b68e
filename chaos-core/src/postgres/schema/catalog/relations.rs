//! Tables, and what belongs to them.

use crate::postgres::schema::object::ObjectKind;

pub(super) const STATEMENTS: &[(ObjectKind, &str)] = &[
    (
        ObjectKind::Table,
        "SELECT format('%I.%I', n.nspname, c.relname), NULL, json_build_object(
            'kind', CASE c.relkind WHEN 'p' THEN 'partitioned' WHEN 'f' THEN 'foreign' ELSE 'plain' END,
            'persistence', CASE c.relpersistence WHEN 'u' THEN 'unlogged' ELSE 'permanent' END,
            'order of columns', (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
                FROM pg_attribute a
               WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
            'partition key', pg_get_partkeydef(c.oid),
            'bounds', pg_get_expr(c.relpartbound, c.oid),
            'parents', (SELECT string_agg(format('%I.%I', pn.nspname, p.relname), ', ' ORDER BY i.inhseqno)
                FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent
                JOIN pg_namespace pn ON pn.oid = p.relnamespace WHERE i.inhrelid = c.oid),
            'options', array_to_string(c.reloptions, ', '),
            'tablespace', (SELECT spcname FROM pg_tablespace t WHERE t.oid = c.reltablespace),
            'access method', (SELECT amname FROM pg_am WHERE pg_am.oid = c.relam),
            'row security', CASE WHEN c.relforcerowsecurity THEN 'forced'
                                 WHEN c.relrowsecurity THEN 'enabled' END,
            'replica identity', CASE c.relreplident WHEN 'n' THEN 'nothing' WHEN 'f' THEN 'full'
                                                    WHEN 'i' THEN 'index' END,
            'foreign server', (SELECT s.srvname || ' ' || coalesce(array_to_string(f.ftoptions, ', '), '')
                FROM pg_foreign_table f JOIN pg_foreign_server s ON s.oid = f.ftserver
               WHERE f.ftrelid = c.oid),
            'owner', @owner(c.relowner), 'grants', @grants(c.relacl, r, c.relowner))
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't'
           AND @own(n) AND @free(pg_class, c.oid)",
    ),
    (
        ObjectKind::Column,
        "SELECT format('%I.%I.%I', n.nspname, c.relname, a.attname),
                format('%I.%I', n.nspname, c.relname), json_build_object(
            'type', format_type(a.atttypid, a.atttypmod),
            'nulls', CASE WHEN a.attnotnull THEN 'forbidden' ELSE 'allowed' END,
            'default', CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END,
            'generated as', CASE WHEN a.attgenerated <> '' THEN pg_get_expr(d.adbin, d.adrelid)
                || CASE a.attgenerated WHEN 's' THEN ' stored' ELSE ' virtual' END END,
            'identity', CASE a.attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default' END,
            'collation', (SELECT format('%I.%I', cn.nspname, col.collname) FROM pg_collation col
                JOIN pg_namespace cn ON cn.oid = col.collnamespace
               WHERE col.oid = a.attcollation AND col.oid <> t.typcollation),
            'storage', CASE WHEN a.attstorage <> t.typstorage THEN a.attstorage::text END,
            'grants', (SELECT string_agg(format('%s to %s', g.privilege_type, @owner(g.grantee)), ', '
                ORDER BY g.privilege_type, g.grantee) FROM aclexplode(a.attacl) g))
          FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
          JOIN pg_namespace n ON n.oid = c.relnamespace
          JOIN pg_type t ON t.oid = a.atttypid
          LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
         WHERE c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't' AND a.attnum > 0
           AND NOT a.attisdropped AND @own(n) AND @free(pg_class, c.oid)",
    ),
    (
        // Columns that are not null are told with the columns; 18 has constraints for them too.
        ObjectKind::Constraint,
        "SELECT format('%I on %I.%I', con.conname, n.nspname, c.relname),
                format('%I.%I', n.nspname, c.relname), json_build_object(
            'definition', replace(pg_get_constraintdef(con.oid), ' NOT VALID', ''),
            'state', CASE WHEN EXISTS (SELECT FROM pg_trigger t WHERE t.tgconstraint = con.oid
                                        AND t.tgisinternal AND t.tgenabled = 'D') THEN 'disabled'
                          WHEN con.convalidated THEN 'valid' ELSE 'not valid' END,
            'inherited', CASE WHEN con.coninhcount > 0 AND NOT con.conislocal THEN true END)
          FROM pg_constraint con JOIN pg_class c ON c.oid = con.conrelid
          JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE (con.contype <> 'n' OR NOT con.convalidated) AND c.relpersistence <> 't'
           AND @own(n) AND @free(pg_class, c.oid)",
    ),
    (
        ObjectKind::Constraint,
        "SELECT format('%I on %I.%I', con.conname, n.nspname, t.typname), NULL, json_build_object(
            'definition', replace(pg_get_constraintdef(con.oid), ' NOT VALID', ''),
            'state', CASE WHEN con.convalidated THEN 'valid' ELSE 'not valid' END)
          FROM pg_constraint con JOIN pg_type t ON t.oid = con.contypid
          JOIN pg_namespace n ON n.oid = t.typnamespace
         WHERE con.contype <> 'n' AND @own(n) AND @free(pg_type, t.oid)",
    ),
    (
        ObjectKind::Index,
        "SELECT format('%I on %I.%I', ic.relname, n.nspname, c.relname),
                format('%I.%I', n.nspname, c.relname), json_build_object(
            'definition', pg_get_indexdef(i.indexrelid),
            'state', CASE WHEN NOT i.indislive THEN 'being dropped' WHEN NOT i.indisvalid THEN 'invalid'
                          WHEN NOT i.indisready THEN 'not ready' ELSE 'valid' END,
            'clustered', CASE WHEN i.indisclustered THEN true END,
            'replica identity', CASE WHEN i.indisreplident THEN true END,
            'tablespace', (SELECT spcname FROM pg_tablespace t WHERE t.oid = ic.reltablespace))
          FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid
          JOIN pg_class c ON c.oid = i.indrelid
          JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relpersistence <> 't' AND @own(n) AND @free(pg_class, c.oid)",
    ),
    (
        ObjectKind::Trigger,
        "SELECT format('%I on %I.%I', t.tgname, n.nspname, c.relname),
                format('%I.%I', n.nspname, c.relname), json_build_object(
            'definition', pg_get_triggerdef(t.oid),
            'state', CASE t.tgenabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'for replicas'
                                      WHEN 'A' THEN 'always enabled' ELSE 'enabled' END)
          FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
          JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE NOT t.tgisinternal AND c.relpersistence <> 't' AND @own(n) AND @free(pg_trigger, t.oid)",
    ),
    (
        ObjectKind::Rule,
        "SELECT format('%I on %I.%I', r.rulename, n.nspname, c.relname),
                format('%I.%I', n.nspname, c.relname), json_build_object(
            'definition', pg_get_ruledef(r.oid),
            'state', CASE r.ev_enabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'for replicas'
                                       WHEN 'A' THEN 'always enabled' ELSE 'enabled' END)
          FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
          JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE r.rulename <> '_RETURN' AND @own(n) AND @free(pg_class, c.oid)",
    ),
    (
        ObjectKind::Policy,
        "SELECT format('%I on %I.%I', p.polname, n.nspname, c.relname),
                format('%I.%I', n.nspname, c.relname), json_build_object(
            'command', CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
                                     WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
            'way', CASE WHEN p.polpermissive THEN 'permissive' ELSE 'restrictive' END,
            'roles', (SELECT string_agg(@owner(o), ', ' ORDER BY o) FROM unnest(p.polroles) o),
            'using', pg_get_expr(p.polqual, p.polrelid),
            'with check', pg_get_expr(p.polwithcheck, p.polrelid))
          FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
          JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE @own(n) AND @free(pg_class, c.oid)",
    ),
    (
        ObjectKind::View,
        "SELECT format('%I.%I', n.nspname, c.relname), NULL, json_build_object(
            'definition', pg_get_viewdef(c.oid), 'options', array_to_string(c.reloptions, ', '),
            'owner', @owner(c.relowner), 'grants', @grants(c.relacl, r, c.relowner))
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind = 'v' AND c.relpersistence <> 't' AND @own(n) AND @free(pg_class, c.oid)",
    ),
    (
        ObjectKind::MaterializedView,
        "SELECT format('%I.%I', n.nspname, c.relname), NULL, json_build_object(
            'definition', pg_get_viewdef(c.oid), 'options', array_to_string(c.reloptions, ', '),
            'state', CASE WHEN c.relispopulated THEN 'populated' ELSE 'not populated' END,
            'owner', @owner(c.relowner), 'grants', @grants(c.relacl, r, c.relowner))
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind = 'm' AND @own(n) AND @free(pg_class, c.oid)",
    ),
];
