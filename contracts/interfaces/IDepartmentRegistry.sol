// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.36;

import {Interval} from "../lib/History.sol";
import {ICouncilDelayed} from "./ICouncilDelayed.sol";

/// @notice What an account may do for a department.
/// Admin: admit, grant, withdraw, register keys, suspend, move. Anchor: anchor roots.
/// Status: revoke, suspend and reinstate documents. Dispense: dispense prescriptions.
enum Role {
    Admin,
    Anchor,
    Status,
    Dispense
}

/// @notice A department as it is now. Blocks are 0 for "never" or "not".
struct DepartmentRecord {
    bytes20 parent;
    uint64 admittedAt;
    uint64 suspendedSince;
    bytes20 suspender;
    bytes20 mergedInto;
    bytes32 departmentKind;
}

/// @notice The parent that a department has had since block `from`; 0 = top level.
struct ParentEntry {
    bytes20 parent;
    uint64 from;
}

/// @notice A signing key with the spans in which it was its department's.
struct KeyRecord {
    uint8 suite;
    bytes32 x;
    bytes32 y;
    uint64 compromisedSince;
    Interval[] intervals;
}

/// @title IDepartmentRegistry
/// @notice Who may issue what: departments, their tree, kinds, roles and signing keys.
/// @dev A department is its code in ASCII, left-aligned; 0 stands for the council where an actor is
/// named and for "no parent" where a parent is. Every right is an interval history. An actor acts
/// for itself and for all departments below it, as long as neither it nor any of its ancestors is
/// suspended.
interface IDepartmentRegistry is ICouncilDelayed {
    event Admitted(
        bytes20 indexed department, bytes20 indexed parent, bytes32 departmentKind, string name
    );
    event KindGranted(bytes20 indexed department, bytes32 indexed kind, bytes20 actor);
    event KindWithdrawn(bytes20 indexed department, bytes32 indexed kind, bytes20 actor);
    event RoleGranted(
        bytes20 indexed department, Role indexed role, address indexed account, bytes20 actor
    );
    event RoleWithdrawn(
        bytes20 indexed department, Role indexed role, address indexed account, bytes20 actor
    );
    event KeyRegistered(
        bytes20 indexed department, bytes32 indexed keyId, uint8 suite, bytes32 x, bytes32 y
    );
    event KeyWithdrawn(bytes20 indexed department, bytes32 indexed keyId, bytes20 actor);
    /// @notice The key is not to be trusted for what was anchored in `sinceBlock` or later; where
    /// it was in force, that ended too.
    event KeyCompromised(
        bytes20 indexed department, bytes32 indexed keyId, uint64 sinceBlock, bytes20 actor
    );
    /// @notice Also emitted when a higher actor takes over a suspension in force.
    event DepartmentSuspended(bytes20 indexed department, bytes20 indexed actor);
    event SuspensionLifted(bytes20 indexed department, bytes20 indexed actor);
    event Moved(
        bytes20 indexed department, bytes20 indexed from, bytes20 indexed to, bytes20 actor
    );
    event Merged(bytes20 indexed department, bytes20 indexed into, bytes20 actor);
    event CouncilProposed(address indexed council);
    event CouncilChanged(address indexed previous, address indexed council);

    error ZeroDepartment();
    error ZeroKind();
    error ZeroKey();
    error NameTooLong(uint256 bytes_, uint256 max);
    error UnknownDepartment(bytes20 department);
    error AlreadyAdmitted(bytes20 department);
    /// @notice `account` does not hold `role` at `actor`.
    error NotAuthorised(bytes20 actor, Role role, address account);
    /// @notice `actor` is not above `department` (or, where that is allowed, the same).
    error NotAncestor(bytes20 actor, bytes20 department);
    error Suspended(bytes20 department);
    error NotSuspended(bytes20 department);
    /// @notice It is suspended by one that `actor` is not above.
    error AlreadySuspended(bytes20 department, bytes20 suspender);
    /// @notice It was merged into another department, for good.
    error Dissolved(bytes20 department);
    error KindNotHeld(bytes20 department, bytes32 kind);
    error UnknownSuite(uint8 suite);
    error BadPublicKey(bytes32 keyId);
    error UnknownKey(bytes20 department, bytes32 keyId);
    error KeyDataDiffer(bytes20 department, bytes32 keyId);
    error KeyIsCompromised(bytes20 department, bytes32 keyId, uint64 sinceBlock);
    /// @notice `sinceBlock` must lie between 1 and `latest`.
    error BadSinceBlock(uint64 sinceBlock, uint64 latest);
    error SameParent(bytes20 department, bytes20 parent);
    /// @notice `newParent` lies in the tree of `department`.
    error WouldCycle(bytes20 department, bytes20 newParent);
    error TooDeep(bytes20 department, uint256 levels, uint256 max);
    error NotProposedCouncil(address account);

    /// @notice Admits a department. Emits {Admitted}, {KindGranted} for each kind, {RoleGranted}.
    /// @dev Requires the council's delayed act if `parent` is 0, else `parent`'s Admin. Each kind
    /// must be in force at all ancestors.
    function admit(
        bytes20 parent,
        bytes20 department,
        bytes32 departmentKind,
        string calldata name,
        bytes32[] calldata kinds,
        address admin
    ) external;

    /// @notice Lets `department` issue `kind`. Requires an Admin of a department above it, or the
    /// council, and that all its ancestors hold the kind. Emits {KindGranted}.
    function grantKind(bytes20 actor, bytes20 department, bytes32 kind) external;

    /// @notice Ends it, for the whole subtree too. Requires an Admin of a department above it, or
    /// the council. Emits {KindWithdrawn}.
    function withdrawKind(bytes20 actor, bytes20 department, bytes32 kind) external;

    /// @notice Gives an account a role. Requires an Admin of the department or of one above it, or
    /// the council. Emits {RoleGranted}.
    function grantRole(bytes20 actor, bytes20 department, Role role, address account) external;

    /// @notice Takes it away. Requires the same as {grantRole}. Emits {RoleWithdrawn}.
    function withdrawRole(bytes20 actor, bytes20 department, Role role, address account) external;

    /// @notice Registers a signing key, or puts a withdrawn one back into force. Requires the
    /// department's own Admin. Emits {KeyRegistered}.
    /// @param keyId the RFC 7638 thumbprint; verifiers compute it from the key.
    /// @param suite 1 ES256 (x, y), 2 Ed25519 (x; y is 0), 3 SM2 (x, y).
    function registerKey(bytes20 department, bytes32 keyId, uint8 suite, bytes32 x, bytes32 y)
        external;

    /// @notice Ends a key's use. Requires an Admin of the department or of one above it, or the
    /// council. Emits {KeyWithdrawn}.
    function withdrawKey(bytes20 actor, bytes20 department, bytes32 keyId) external;

    /// @notice Marks a key as in a forger's hands since `sinceBlock` and ends its use; later the
    /// block can only be moved to an earlier one. Requires the same as {withdrawKey}. Emits
    /// {KeyCompromised}.
    function compromiseKey(bytes20 actor, bytes20 department, bytes32 keyId, uint64 sinceBlock)
        external;

    /// @notice Stops new acts of a department and of all below it. Requires an Admin of a
    /// department above it, or the council, whose act does not wait. One above the suspender may
    /// take the suspension over. Emits {DepartmentSuspended}.
    function suspend(bytes20 actor, bytes20 department) external;

    /// @notice Ends a suspension. Requires an Admin of the suspender or of one above it, or the
    /// council. Emits {SuspensionLifted}.
    function lift(bytes20 actor, bytes20 department) external;

    /// @notice Hangs a department, with all below it, under another parent. Requires an Admin of a
    /// department that is, or is above, both the old and the new parent, and that might lift every
    /// suspension which the department would leave; or the council, who alone moves from or to the
    /// top level. Emits {Moved}.
    function move(bytes20 actor, bytes20 department, bytes20 newParent) external;

    /// @notice Dissolves `department` in `into`, under which it hangs from then on, so that `into`
    /// may revoke for it; departments below it are moved on by {move}. Requires the same as {move}.
    /// Emits {Moved} (if its parent changes), {DepartmentSuspended} (if it was not), {Merged}.
    function merge(bytes20 actor, bytes20 department, bytes20 into) external;

    /// @notice Names the next council. A delayed act of the council. Emits {CouncilProposed}.
    function proposeCouncil(address council_) external;

    /// @notice The named council takes over. Emits {CouncilChanged}.
    function acceptCouncil() external;

    /// @notice Whether `account` has `role` at `department` and nothing above is suspended.
    function authorised(bytes20 department, Role role, address account)
        external
        view
        returns (bool);

    /// @notice Whether `account`, by its `role` at `actor`, may act for `department`.
    function actsFor(bytes20 actor, bytes20 department, Role role, address account)
        external
        view
        returns (bool);

    /// @notice As {authorised}, but reverts with the reason.
    function requireAuthorised(bytes20 department, Role role, address account) external view;

    /// @notice As {actsFor}, but reverts with the reason.
    function requireActsFor(bytes20 actor, bytes20 department, Role role, address account)
        external
        view;

    /// @notice Reverts if the department was never admitted.
    function requireKnown(bytes20 department) external view;

    function proposedCouncil() external view returns (address);

    /// @notice The department now; all zero if it was never admitted.
    function departmentOf(bytes20 department) external view returns (DepartmentRecord memory);

    function parentHistory(bytes20 department) external view returns (ParentEntry[] memory);

    function suspensionHistory(bytes20 department) external view returns (Interval[] memory);

    function kindHistory(bytes20 department, bytes32 kind)
        external
        view
        returns (Interval[] memory);

    function roleHistory(bytes20 department, Role role, address account)
        external
        view
        returns (Interval[] memory);

    function keyOf(bytes20 department, bytes32 keyId) external view returns (KeyRecord memory);
}
