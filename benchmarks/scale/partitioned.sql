-- A layout for billions of records in PostgreSQL; docs/scale.md says why it is so.
--
-- What must be unique is in narrow tables, spread by department: every unique constraint names the
-- department, for status entries, applications and anchors belong to one. What is wide is in tables
-- by time: identifiers begin with their time, and old months can be detached and kept elsewhere.

CREATE TABLE document (
    id varchar(32) COLLATE "C" NOT NULL,
    department varchar(20) NOT NULL,
    kind varchar(32) NOT NULL,
    kind_version integer NOT NULL,
    certificate_identifier varchar(160),
    fingerprint bytea,
    state varchar(16) NOT NULL,
    created_by varchar(32) NOT NULL,
    approved_by varchar(32),
    import_id varchar(32),
    row_number integer,
    issued_at bigint,
    valid_until bigint,
    status integer NOT NULL,
    reason varchar(200),
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    PRIMARY KEY (department, id),
    UNIQUE (department, fingerprint)
) PARTITION BY HASH (department);

CREATE INDEX ix_document_department_state ON document (department, state, id);
CREATE INDEX ix_document_import ON document (import_id, id);
CREATE INDEX ix_document_approved ON document (id) WHERE state = 'approved';

CREATE TABLE artefact (
    id varchar(32) COLLATE "C" NOT NULL,
    department varchar(20) NOT NULL,
    document_id varchar(32) COLLATE "C",
    form varchar(16) NOT NULL,
    view varchar(32),
    digest bytea NOT NULL,
    status_list integer,
    status_index integer,
    holder_kid varchar(43),
    claim_id varchar(32),
    state varchar(16) NOT NULL,
    batch_id varchar(32) COLLATE "C",
    leaf_index integer,
    iat bigint NOT NULL,
    PRIMARY KEY (department, id),
    -- The digest first: receipts are looked up by its beginning, in every partition.
    UNIQUE (digest, department),
    UNIQUE (department, status_list, status_index),
    FOREIGN KEY (department, document_id) REFERENCES document (department, id)
) PARTITION BY HASH (department);

CREATE INDEX ix_artefact_document ON artefact (document_id);
CREATE INDEX ix_artefact_batch ON artefact (batch_id, leaf_index);
CREATE INDEX ix_artefact_waiting ON artefact (department, id) WHERE state = 'signed';
CREATE INDEX ix_artefact_stale ON artefact (id) WHERE state = 'stale';

CREATE TABLE document_claims (
    id varchar(32) COLLATE "C" PRIMARY KEY,
    claims json NOT NULL
) PARTITION BY RANGE (id);

CREATE TABLE artefact_text (
    id varchar(32) COLLATE "C" PRIMARY KEY,
    text text NOT NULL
) PARTITION BY RANGE (id);

-- The leaves are objects of their own, found by the batch's id.
CREATE TABLE batch (
    id varchar(32) COLLATE "C" NOT NULL,
    department varchar(20) NOT NULL,
    root bytea NOT NULL,
    size integer NOT NULL,
    state varchar(16) NOT NULL,
    transaction_id bigint,
    block bigint,
    anchor_time bigint,
    sequence bigint,
    oldest_iat bigint NOT NULL,
    created_at bigint NOT NULL,
    PRIMARY KEY (department, id),
    UNIQUE (department, root)
) PARTITION BY HASH (department);

CREATE INDEX ix_batch_state ON batch (state, id);
CREATE INDEX ix_batch_sequence ON batch (sequence);
