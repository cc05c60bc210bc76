// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.36;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IDepartmentRegistry, ParentEntry, Role} from "../interfaces/IDepartmentRegistry.sol";
import {CouncilDelayed} from "../lib/CouncilDelayed.sol";
import {History} from "../lib/History.sol";

/// @dev What a walk up the tree reads: one slot, so that a level costs one storage read.
struct Node {
    bytes20 parent;
    uint40 admittedAt;
    uint40 suspendedSince;
    /// The most levels that ever hung below; never lowered.
    uint8 height;
}

struct Key {
    History history;
    uint8 suite;
    uint64 compromisedSince;
    bytes32 x;
    bytes32 y;
}

struct Department {
    Node node;
    bytes20 suspender;
    bytes20 mergedInto;
    bytes32 departmentKind;
    History suspensions;
    ParentEntry[] parents;
    mapping(bytes32 kind => History) kinds;
    mapping(bytes32 keyId => Key) keys;
    mapping(Role => mapping(address account => History)) roles;
}

/// @title DepartmentStore
/// @notice The departments and the one rule of authority over them.
abstract contract DepartmentStore is IDepartmentRegistry, CouncilDelayed {
    /// @notice Levels of the tree, the top one included.
    uint256 public constant MAX_DEPTH = 16;

    /// @dev The actor that stands for the council.
    bytes20 internal constant COUNCIL = 0;

    mapping(bytes20 code => Department) internal _departments;

    /// @inheritdoc IDepartmentRegistry
    function authorised(bytes20 department, Role role, address account)
        external
        view
        returns (bool)
    {
        return _holds(department, role, account);
    }

    /// @inheritdoc IDepartmentRegistry
    function actsFor(bytes20 actor, bytes20 department, Role role, address account)
        external
        view
        returns (bool)
    {
        return _holds(actor, role, account) && _isSelfOrAbove(actor, department);
    }

    /// @inheritdoc IDepartmentRegistry
    function requireAuthorised(bytes20 department, Role role, address account) external view {
        _requireHolds(department, role, account);
    }

    /// @inheritdoc IDepartmentRegistry
    function requireActsFor(bytes20 actor, bytes20 department, Role role, address account)
        external
        view
    {
        _requireHolds(actor, role, account);
        _requireSelfOrAbove(actor, department);
    }

    /// @inheritdoc IDepartmentRegistry
    function requireKnown(bytes20 department) external view {
        _requireKnown(department);
    }

    /// @dev Lets the caller act as `actor` for `department`, itself included.
    function _authorise(bytes20 actor, bytes20 department) internal {
        _requireKnown(department);
        if (actor == COUNCIL) {
            _consumeCouncilAct();
        } else {
            _requireHolds(actor, Role.Admin, msg.sender);
            _requireSelfOrAbove(actor, department);
        }
    }

    /// @dev Lets the caller act as `actor` for `department`, which must lie below it.
    function _authoriseAbove(bytes20 actor, bytes20 department) internal {
        if (actor == department) revert NotAncestor(actor, department);
        _authorise(actor, department);
    }

    /// @dev The path that every anchor takes. Rights stay readable here once the registry is
    /// closed; verifiers count them as ended at {closedAt}.
    function _holds(bytes20 department, Role role, address account) internal view returns (bool) {
        return _departments[department].roles[role][account].inForce()
            && _suspendedAtOrAbove(department) == 0;
    }

    function _requireHolds(bytes20 department, Role role, address account) internal view {
        if (!_departments[department].roles[role][account].inForce()) {
            _requireKnown(department);
            revert NotAuthorised(department, role, account);
        }
        bytes20 suspended = _suspendedAtOrAbove(department);
        if (suspended != 0) revert Suspended(suspended);
    }

    /// @dev The nearest suspended department from `department` up, or 0.
    function _suspendedAtOrAbove(bytes20 department) internal view returns (bytes20) {
        while (department != 0) {
            Node storage node = _departments[department].node;
            if (node.suspendedSince != 0) return department;
            department = node.parent;
        }
        return 0;
    }

    function _requireSelfOrAbove(bytes20 actor, bytes20 department) internal view {
        if (!_isSelfOrAbove(actor, department)) revert NotAncestor(actor, department);
    }

    function _isSelfOrAbove(bytes20 actor, bytes20 department) internal view returns (bool) {
        while (department != 0) {
            if (department == actor) return true;
            department = _departments[department].node.parent;
        }
        return false;
    }

    function _requireKnown(bytes20 department) internal view {
        if (_departments[department].node.admittedAt == 0) revert UnknownDepartment(department);
    }

    function _requireNotDissolved(bytes20 department) internal view {
        if (_departments[department].mergedInto != 0) revert Dissolved(department);
    }

    /// @dev Block numbers as they are packed in {Node}.
    function _blockNumber() internal view returns (uint40) {
        return SafeCast.toUint40(block.number);
    }
}
