// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.36;

import {IDepartmentRegistry, Role} from "../interfaces/IDepartmentRegistry.sol";
import {Department, DepartmentStore, Key} from "./DepartmentStore.sol";

/// @title DepartmentRights
/// @notice Kinds, roles and signing keys of departments.
abstract contract DepartmentRights is DepartmentStore {
    uint8 private constant SUITE_ES256 = 1;
    uint8 private constant SUITE_ED25519 = 2;
    uint8 private constant SUITE_SM2 = 3;

    /// @inheritdoc IDepartmentRegistry
    function grantKind(bytes20 actor, bytes20 department, bytes32 kind) external {
        _authoriseAbove(actor, department);
        _requireNotDissolved(department);
        _grantKind(actor, department, kind);
    }

    /// @inheritdoc IDepartmentRegistry
    function withdrawKind(bytes20 actor, bytes20 department, bytes32 kind) external {
        _authoriseAbove(actor, department);
        _departments[department].kinds[kind].close();
        _log(KindWithdrawn.selector, department, kind, abi.encode(actor));
    }

    /// @inheritdoc IDepartmentRegistry
    function grantRole(bytes20 actor, bytes20 department, Role role, address account)
        external {
        _authorise(actor, department);
        _requireNotDissolved(department);
        _grantRole(actor, department, role, account);
    }

    /// @inheritdoc IDepartmentRegistry
    function withdrawRole(bytes20 actor, bytes20 department, Role role, address account)
        external {
        _authorise(actor, department);
        _departments[department].roles[role][account].close();
        _logRole(RoleWithdrawn.selector, actor, department, role, account);
    }

    /// @inheritdoc IDepartmentRegistry
    function registerKey(bytes20 department, bytes32 keyId, uint8 suite, bytes32 x, bytes32 y)
        external {
        _requireHolds(department, Role.Admin, msg.sender);
        if (keyId == 0) revert ZeroKey();
        if (suite < SUITE_ES256 || suite > SUITE_SM2) revert UnknownSuite(suite);
        // An Ed25519 key has one coordinate, the others have two.
        if (x == 0 || (suite == SUITE_ED25519) != (y == 0)) revert BadPublicKey(keyId);
        Key storage key = _departments[department].keys[keyId];
        if (key.suite == 0) {
            key.suite = suite;
            key.x = x;
            key.y = y;
        } else if (key.suite != suite || key.x != x || key.y != y) {
            revert KeyDataDiffer(department, keyId);
        } else if (key.compromisedSince != 0) {
            revert KeyIsCompromised(department, keyId, key.compromisedSince);
        }
        key.history.open();
        _log(KeyRegistered.selector, department, keyId, abi.encode(suite, x, y));
    }

    /// @inheritdoc IDepartmentRegistry
    function withdrawKey(bytes20 actor, bytes20 department, bytes32 keyId) external {
        _authorise(actor, department);
        _knownKey(department, keyId).history.close();
        _log(KeyWithdrawn.selector, department, keyId, abi.encode(actor));
    }

    /// @inheritdoc IDepartmentRegistry
    function compromiseKey(bytes20 actor, bytes20 department, bytes32 keyId, uint64 sinceBlock)
        external {
        _authorise(actor, department);
        Key storage key = _knownKey(department, keyId);
        uint64 marked = key.compromisedSince;
        uint64 latest = marked == 0 ? _blockNumber() : marked - 1;
        if (sinceBlock == 0 || sinceBlock > latest) revert BadSinceBlock(sinceBlock, latest);
        key.compromisedSince = sinceBlock;
        if (key.history.inForce()) key.history.close();
        _log(KeyCompromised.selector, department, keyId, abi.encode(sinceBlock, actor));
    }

    function _grantKind(bytes20 actor, bytes20 department, bytes32 kind) internal {
        if (kind == 0) revert ZeroKind();
        bytes20 above = _departments[department].node.parent;
        while (above != 0) {
            Department storage ancestor = _departments[above];
            if (!ancestor.kinds[kind].inForce()) revert KindNotHeld(above, kind);
            above = ancestor.node.parent;
        }
        _departments[department].kinds[kind].open();
        _log(KindGranted.selector, department, kind, abi.encode(actor));
    }

    function _grantRole(bytes20 actor, bytes20 department, Role role, address account) internal {
        if (account == address(0)) revert ZeroAccount();
        _departments[department].roles[role][account].open();
        _logRole(RoleGranted.selector, actor, department, role, account);
    }

    function _knownKey(bytes20 department, bytes32 keyId) private view returns (Key storage key) {
        key = _departments[department].keys[keyId];
        if (key.suite == 0) revert UnknownKey(department, keyId);
    }

    function _logRole(
        bytes32 signature,
        bytes20 actor,
        bytes20 department,
        Role role,
        address account
    ) private {
        bytes32 roleTopic = bytes32(uint256(role));
        _log(signature, department, roleTopic, _topic(account), abi.encode(actor));
    }
}
